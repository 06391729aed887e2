/** Every error code of the system. Operators find them in logs and in the answers of `/admin`. */
export type ErrorCode =
  // Every service: settings, start, waiting.
  | 'CONFIG_INVALID'
  | 'LISTEN_FAILED'
  | 'LOCK_HELD'
  | 'DEADLINE_EXCEEDED'
  // Kafka: topics, logs, transactions, handlers.
  | 'KAFKA_UNREACHABLE'
  | 'TOPIC_MISSING'
  | 'TOPIC_MISMATCH'
  | 'TOPIC_CHANGED'
  | 'CLUSTER_MISMATCH'
  | 'HANDLER_MISMATCH'
  | 'PRODUCE_FAILED'
  | 'RECORD_TOO_LARGE'
  | 'READ_TIMEOUT'
  | 'LOG_UNREADABLE'
  | 'TRANSACTION_FAILED'
  | 'OFFSET_OUT_OF_RANGE'
  | 'OFFSET_UNSTABLE'
  // Operators: the topics of their settings and their audit, and settings that another change has replaced.
  | 'OPERATOR_LOG_UNAVAILABLE'
  | 'REVISION_STALE'
  // Dead letters: records that are not readable as such, cursors of other lists.
  | 'DEAD_LETTER_UNREADABLE'
  | 'CURSOR_REJECTED'
  // Replay plans: requests that are invalid, come too late, or cannot be carried out.
  | 'REPLAY_UNKNOWN'
  | 'REPLAY_INVALID'
  | 'REPLAY_STATE'
  | 'REPLAY_CHANGED'
  | 'REPLAY_KEY_REUSED'
  | 'REPLAY_TOO_LARGE'
  | 'REPLAY_TOPIC_MISSING'
  | 'REPLAY_UNAVAILABLE'
  // Validator: its state and its rebuild, the catalog, the circuit breaker.
  | 'STATE_UNREADABLE'
  | 'COMMITTED_OFFSET_UNKNOWN'
  | 'RULES_UNKNOWN'
  | 'CATALOG_TIMEOUT'
  | 'CATALOG_VERSIONS_MISSING'
  | 'LOG_MISMATCH'
  | 'REJECT_RATE'
  // BigQuery: calls, one code each, and tables that differ from their contracts.
  | 'CREATE_STREAM_FAILED'
  | 'FINALIZE_FAILED'
  | 'APPEND_FAILED'
  | 'QUERY_FAILED'
  | 'TABLE_CALL_FAILED'
  | 'TABLE_MISMATCH'
  | 'SCHEMA_BEHIND'
  // Sink: recovery, rejected rows, and the command set-position.
  | 'RECOVERY_AMBIGUOUS'
  | 'ROWS_REJECTED'
  | 'POSITION_REJECTED'
  // Pub/Sub: publish requests, the BigQuery subscription.
  | 'PUBSUB_CALL_FAILED'
  | 'PUBLISH_FAILED'
  | 'PUBLISH_REJECTED'
  | 'SUBSCRIPTION_MISMATCH'
  | 'TOPIC_REJECTS_ALL'
  // Simulation: segments and checkpoints.
  | 'SIMULATION_SEGMENT_MISMATCH'
  // Generator: its scenarios, its journal.
  | 'SCENARIO_UNKNOWN'
  | 'SCENARIO_INVALID'
  | 'LEDGER_UNREADABLE'
  | 'LEDGER_IN_USE'
  // Commands and the local stack.
  | 'USAGE'
  | 'PREREQUISITE_MISSING'
  | 'INSTALL_FAILED'
  | 'STACK_LOCKED'
  | 'START_FAILED'
  | 'NO_PROGRESS';
