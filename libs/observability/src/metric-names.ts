/** Seconds, from a millisecond to ten: calls to brokers, BigQuery and Pub/Sub. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds, from 50 ms to an hour: from an event until it can be queried. */
const FRESHNESS_SECONDS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600];
const RECORDS = [1, 5, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000];
const BYTES = [1_024, 8_192, 65_536, 262_144, 1_048_576, 2_097_152, 4_194_304, 9_961_472];

/** The declaration of a metric. Every series also has the label `app`. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: `orderstream_${string}`;
  readonly help: string;
  /** Labels besides `app`. Each has a small, fixed set of values. */
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/**
 * Every metric of the system. Dashboards, alerts and runbooks use these names. Counters end in `_total`, durations in
 * `_seconds`.
 */
export const METRIC = {
  records: {
    type: 'counter',
    name: 'orderstream_records_total',
    help: 'Records settled, by outcome.',
    labels: ['family', 'outcome'],
  },
  ruleFired: {
    type: 'counter',
    name: 'orderstream_rule_fired_total',
    help: 'Times that a quality rule fired, by the action taken.',
    labels: ['rule', 'action'],
  },
  deadLetters: {
    type: 'counter',
    name: 'orderstream_dead_letters_total',
    help: 'Records dead-lettered, by the first reason.',
    labels: ['family', 'reason'],
  },
  deadLettersParked: {
    type: 'counter',
    name: 'orderstream_dead_letters_parked_total',
    help: 'Those of orderstream_dead_letters_total whose record was rejected more than 5 times: they are in the parked topic.',
    labels: ['family', 'reason'],
  },
  batchRecords: {
    type: 'histogram',
    name: 'orderstream_batch_records',
    help: 'Records per transaction, append request or publish request.',
    labels: ['operation'],
    buckets: RECORDS,
  },
  batchBytes: {
    type: 'histogram',
    name: 'orderstream_batch_bytes',
    help: 'Encoded bytes per transaction, append request or publish request.',
    labels: ['operation'],
    buckets: BYTES,
  },
  consumerLagRecords: {
    type: 'gauge',
    name: 'orderstream_consumer_lag_records',
    help: 'Records of the partition, up to the high watermark, that the service has not settled. Those behind an open transaction count.',
    labels: ['topic', 'partition'],
  },
  consumerLagSeconds: {
    type: 'gauge',
    name: 'orderstream_consumer_lag_seconds',
    help: 'Age of the oldest record of the partition that the service has not settled; 0 when there is none.',
    labels: ['topic', 'partition'],
  },
  openTransactionSeconds: {
    type: 'gauge',
    name: 'orderstream_open_transaction_seconds',
    help: 'Time for which an open transaction has held back the last stable offset of the partition at its present value; 0 when there is none. Records behind it wait.',
    labels: ['topic', 'partition'],
  },
  durableLagRecords: {
    type: 'gauge',
    name: 'orderstream_durable_lag_records',
    help: 'Records of the partition that the service has taken and whose results are not durable and committed.',
    labels: ['topic', 'partition'],
  },
  durableLagSeconds: {
    type: 'gauge',
    name: 'orderstream_durable_lag_seconds',
    help: 'Age of the oldest record of the partition whose results are not durable and committed; 0 when there is none.',
    labels: ['topic', 'partition'],
  },
  freshness: {
    type: 'histogram',
    name: 'orderstream_freshness_seconds',
    help: 'Time from the append of an event to the raw topic until the output of the service is acknowledged. Rows can then be queried.',
    labels: ['family'],
    buckets: FRESHNESS_SECONDS,
  },
  partitionFailures: {
    type: 'counter',
    name: 'orderstream_partition_failures_total',
    help: 'Failures of a partition of the sink. The partition is then opened again or stopped.',
    labels: ['family', 'reason'],
  },
  programmingErrors: {
    type: 'counter',
    name: 'orderstream_programming_errors_total',
    help: 'Programming errors, such as a TypeError, that stopped a partition of this instance.',
    labels: ['topic'],
  },
  partitionsStopped: {
    type: 'gauge',
    name: 'orderstream_partitions_stopped',
    help: 'Partitions of this instance that are stopped until an operator resumes them.',
    labels: ['topic'],
  },
  partitionsRetrying: {
    type: 'gauge',
    name: 'orderstream_partitions_retrying',
    help: 'Partitions of this instance that failed and wait to be opened again.',
    labels: ['topic'],
  },
  queuedBytes: {
    type: 'gauge',
    name: 'orderstream_queued_bytes',
    help: 'Memory of the records of the partition that were fetched and not handed to the service yet.',
    labels: ['topic', 'partition'],
  },
  rebalances: {
    type: 'counter',
    name: 'orderstream_rebalances_total',
    help: 'Rebalances: times that this instance joined its consumer group again.',
    labels: ['group'],
  },
  kafkaConnections: {
    type: 'counter',
    name: 'orderstream_kafka_connections_total',
    help: 'Connections opened to Kafka brokers. After the start, each one replaces a lost one.',
    labels: [],
  },
  kafkaThrottled: {
    type: 'counter',
    name: 'orderstream_kafka_throttled_seconds_total',
    help: 'Time for which Kafka brokers asked this instance not to send requests, because a quota was used up.',
    labels: [],
  },
  deadLettersUnread: {
    type: 'gauge',
    name: 'orderstream_dead_letters_unread',
    help: 'Offsets of the dead-letter topic that the group bq-sink-dead-letters has not read. Transaction markers count.',
    labels: ['topic'],
  },
  deadLettersExpiring: {
    type: 'gauge',
    name: 'orderstream_dead_letters_expiring',
    help: 'Those of orderstream_dead_letters_unread that are older than 80 % of the retention of the topic.',
    labels: ['topic'],
  },
  appendSeconds: {
    type: 'histogram',
    name: 'orderstream_append_seconds',
    help: 'Time from sending an append request until BigQuery acknowledges it.',
    labels: ['family'],
    buckets: CALL_SECONDS,
  },
  publishSeconds: {
    type: 'histogram',
    name: 'orderstream_publish_seconds',
    help: 'Time from sending a publish request until Pub/Sub acknowledges it.',
    labels: ['topic'],
    buckets: CALL_SECONDS,
  },
  publishUnacknowledged: {
    type: 'gauge',
    name: 'orderstream_publish_unacknowledged',
    help: 'Records taken whose messages Pub/Sub has not acknowledged.',
    labels: ['topic'],
  },
  publishOldestUnacknowledgedSeconds: {
    type: 'gauge',
    name: 'orderstream_publish_oldest_unacknowledged_seconds',
    help: 'Time since the oldest record whose message Pub/Sub has not acknowledged was taken; 0 when there is none.',
    labels: ['topic'],
  },
  subscriptionState: {
    type: 'gauge',
    name: 'orderstream_subscription_state',
    help: '1 for the state of the subscription at the last check: ACTIVE, STATE_UNSPECIFIED (emulator), RESOURCE_ERROR, MISSING, UNKNOWN.',
    labels: ['state'],
  },
  subscriptionDifferences: {
    type: 'gauge',
    name: 'orderstream_subscription_differences',
    help: 'Ways in which topic and subscription differ from what the bridge needs, at the last check. Readiness names them.',
    labels: [],
  },
  subscriptionGaps: {
    type: 'counter',
    name: 'orderstream_subscription_gaps_total',
    help: 'Times that the subscription was deleted or replaced. What was published meanwhile must be published again.',
    labels: [],
  },
  transactionSeconds: {
    type: 'histogram',
    name: 'orderstream_transaction_seconds',
    help: 'Time from the first produce request of a Kafka transaction until its commit is acknowledged.',
    labels: ['family'],
    buckets: CALL_SECONDS,
  },
  transactionsAborted: {
    type: 'counter',
    name: 'orderstream_transactions_aborted_total',
    help: 'Kafka transactions that failed: aborted, or with an unknown outcome.',
    labels: ['topic'],
  },
  fencings: {
    type: 'counter',
    name: 'orderstream_fencings_total',
    help: 'Times that this instance was fenced by another owner of the partition.',
    labels: ['topic'],
  },
  rowsAppended: {
    type: 'counter',
    name: 'orderstream_rows_appended_total',
    help: 'Rows that BigQuery acknowledged at the stream offset at which they were sent.',
    labels: ['family'],
  },
  rowsSkippedOnRecovery: {
    type: 'counter',
    name: 'orderstream_rows_skipped_on_recovery_total',
    help: 'Rows that a recovery found in the write stream, beyond the committed position, and did not append again.',
    labels: ['family'],
  },
  streamsCreated: {
    type: 'counter',
    name: 'orderstream_streams_created_total',
    help: 'Write streams created. The quota is 10,000 per hour.',
    labels: ['family'],
  },
  fallbacksTaken: {
    type: 'counter',
    name: 'orderstream_fallbacks_taken_total',
    help: 'Recoveries whose write stream was gone, so that a query determined the position.',
    labels: ['family'],
  },
  stateEntries: {
    type: 'gauge',
    name: 'orderstream_state_entries',
    help: 'Entries of the state in memory, by kind.',
    labels: ['family', 'kind', 'partition'],
  },
  effectiveWindowSeconds: {
    type: 'gauge',
    name: 'orderstream_effective_window_seconds',
    help: 'Time span that the state of a kind covers, after eviction by time and by count.',
    labels: ['family', 'kind', 'partition'],
  },
  restoreSeconds: {
    type: 'histogram',
    name: 'orderstream_restore_seconds',
    help: 'Time from the assignment of a partition until it takes records.',
    labels: ['family'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  restoreRecords: {
    type: 'counter',
    name: 'orderstream_restore_records_total',
    help: 'Records read to restore state. Divided by the sum of orderstream_restore_seconds, it is the restore rate.',
    labels: ['family'],
  },
  catalogWaits: {
    type: 'gauge',
    name: 'orderstream_catalog_waits',
    help: '1 while a record of the partition waits for the catalog, 0 otherwise.',
    labels: ['topic', 'partition'],
  },
  generatorTargetRate: {
    type: 'gauge',
    name: 'orderstream_generator_target_rate',
    help: 'Events per second that the generator aims at; 0 is unthrottled.',
    labels: [],
  },
  generatorAchievedRate: {
    type: 'gauge',
    name: 'orderstream_generator_achieved_rate',
    help: 'Events per second that the brokers acknowledged in the last seconds.',
    labels: [],
  },
  settingsRevision: {
    type: 'gauge',
    name: 'orderstream_settings_revision',
    help: 'Revision of the settings of operators that this instance has applied. The same in every instance that follows.',
    labels: [],
  },
  paused: {
    type: 'gauge',
    name: 'orderstream_paused',
    help: '1 while an operator has paused the service or this instance, by what is paused.',
    labels: ['scope'],
  },
  breakerTripped: {
    type: 'gauge',
    name: 'orderstream_breaker_tripped',
    help: '1 for each partition of this instance that its circuit breaker has stopped.',
    labels: ['topic', 'partition'],
  },
  auditWaiting: {
    type: 'gauge',
    name: 'orderstream_audit_waiting',
    help: 'Entries that are not in the audit topic yet, because Kafka does not answer.',
    labels: [],
  },
  auditDropped: {
    type: 'counter',
    name: 'orderstream_audit_dropped_total',
    help: 'Entries that are in the log of the service only, because too many waited for the audit topic.',
    labels: [],
  },
  replayPlans: {
    type: 'gauge',
    name: 'orderstream_replay_plans',
    help: 'Replay plans, by state. Every console has the same: they are in one record.',
    labels: ['state'],
  },
  replayLetters: {
    type: 'counter',
    name: 'orderstream_replay_letters_total',
    help: 'Letters of all replay plans, by outcome; came_back: returned, and rejected again. Every console has the same.',
    labels: ['outcome'],
  },
  replayRate: {
    type: 'gauge',
    name: 'orderstream_replay_rate',
    help: 'Letters that got a receipt per second, in the last 10 seconds, over all plans that run. Every console has the same.',
    labels: [],
  },
  replayIdle: {
    type: 'gauge',
    name: 'orderstream_replay_idle_seconds',
    help: 'Longest time without a receipt or a change of a plan that is previewed or runs, or that an error has paused; 0 without one.',
    labels: [],
  },
  adminRejected: {
    type: 'counter',
    name: 'orderstream_admin_rejected_total',
    help: 'Rejected requests to /admin, by reason.',
    labels: ['reason'],
  },
  traceSpans: {
    type: 'counter',
    name: 'orderstream_trace_spans_total',
    help: 'Spans, by what became of them: exported, failed (the endpoint did not take them) or dropped (the queue was full).',
    labels: ['outcome'],
  },
  batchBlocks: {
    type: 'counter',
    name: 'orderstream_batch_blocks_total',
    help: 'Attempts of blocks of batch runs, by how they ended.',
    labels: ['block', 'state'],
  },
  batchRows: {
    type: 'counter',
    name: 'orderstream_batch_rows_total',
    help: 'Rows that blocks of batch runs have written (out) or rejected.',
    labels: ['block', 'outcome'],
  },
  dailyRuns: {
    type: 'counter',
    name: 'orderstream_daily_runs_total',
    help: 'Daily runs that this process has carried out to their end, by how they ended: succeeded, failed.',
    labels: ['state'],
  },
  dailyRunLastSuccess: {
    type: 'gauge',
    name: 'orderstream_daily_run_last_success_timestamp_seconds',
    help: 'When the last daily run that succeeded ended, in seconds since 1970, whatever process carried it out.',
    labels: [],
  },
  dailyRunStepSeconds: {
    type: 'gauge',
    name: 'orderstream_daily_run_step_seconds',
    help: 'Time that the last attempt of a step of the last daily run took.',
    labels: ['step'],
  },
} as const satisfies Record<string, MetricSpec>;
