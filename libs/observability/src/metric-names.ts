/** Seconds, from a millisecond to ten: calls to brokers, BigQuery and Pub/Sub. */
const CALL_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
/** Seconds, from 50 ms to an hour: from an event to where it can be queried. */
const FRESHNESS_SECONDS = [0.05, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600];
const RECORDS = [1, 5, 10, 50, 100, 250, 500, 1_000, 2_000, 5_000, 10_000];
const BYTES = [1_024, 8_192, 65_536, 262_144, 1_048_576, 2_097_152, 4_194_304, 9_961_472];

/** A metric as it is declared: every series of it also has the label `app`. */
export interface MetricSpec {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: `orderstream_${string}`;
  readonly help: string;
  /** Beside `app`. Each takes its values from a small, fixed set. */
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

/**
 * Every metric of the system. Dashboards, alerts and runbooks refer to these names. Counters end in `_total`,
 * durations in `_seconds`.
 */
export const METRIC = {
  records: {
    type: 'counter',
    name: 'orderstream_records_total',
    help: 'Records settled, by what became of them.',
    labels: ['family', 'outcome'],
  },
  ruleFired: {
    type: 'counter',
    name: 'orderstream_rule_fired_total',
    help: 'Firings of a quality rule, by the action taken.',
    labels: ['rule', 'action'],
  },
  deadLetters: {
    type: 'counter',
    name: 'orderstream_dead_letters_total',
    help: 'Records dead-lettered, by the first reason.',
    labels: ['family', 'reason'],
  },
  batchRecords: {
    type: 'histogram',
    name: 'orderstream_batch_records',
    help: 'Records in one transaction, append or publish request.',
    labels: ['operation'],
    buckets: RECORDS,
  },
  batchBytes: {
    type: 'histogram',
    name: 'orderstream_batch_bytes',
    help: 'Encoded bytes in one transaction, append or publish request.',
    labels: ['operation'],
    buckets: BYTES,
  },
  consumerLagRecords: {
    type: 'gauge',
    name: 'orderstream_consumer_lag_records',
    help: 'Committed records of the partition that this service has not settled yet.',
    labels: ['topic', 'partition'],
  },
  consumerLagSeconds: {
    type: 'gauge',
    name: 'orderstream_consumer_lag_seconds',
    help: 'Age of the oldest record of the partition that this service has not settled yet; 0 when there is none.',
    labels: ['topic', 'partition'],
  },
  durableLagRecords: {
    type: 'gauge',
    name: 'orderstream_durable_lag_records',
    help: 'Records of the partition that are taken and not yet durable and committed.',
    labels: ['topic', 'partition'],
  },
  durableLagSeconds: {
    type: 'gauge',
    name: 'orderstream_durable_lag_seconds',
    help: 'Age of the oldest record of the partition that is not yet durable and committed; 0 when there is none.',
    labels: ['topic', 'partition'],
  },
  freshness: {
    type: 'histogram',
    name: 'orderstream_freshness_seconds',
    help: 'From the append of an event to the raw log until it can be queried (or read, for a service before the warehouse).',
    labels: ['family'],
    buckets: FRESHNESS_SECONDS,
  },
  partitionFailures: {
    type: 'counter',
    name: 'orderstream_partition_failures_total',
    help: 'Times that a partition of the sink failed, to be opened again or to be stopped.',
    labels: ['family', 'reason'],
  },
  partitionsStopped: {
    type: 'gauge',
    name: 'orderstream_partitions_stopped',
    help: 'Partitions of this instance that wait for an operator.',
    labels: ['topic'],
  },
  appendSeconds: {
    type: 'histogram',
    name: 'orderstream_append_seconds',
    help: 'From sending an append request to its acknowledgement by BigQuery.',
    labels: ['family'],
    buckets: CALL_SECONDS,
  },
  publishSeconds: {
    type: 'histogram',
    name: 'orderstream_publish_seconds',
    help: 'From handing a message to the Pub/Sub client until it is acknowledged.',
    labels: ['topic'],
    buckets: CALL_SECONDS,
  },
  publishUnacknowledged: {
    type: 'gauge',
    name: 'orderstream_publish_unacknowledged',
    help: 'Messages published to Pub/Sub and not acknowledged yet.',
    labels: ['topic'],
  },
  transactionSeconds: {
    type: 'histogram',
    name: 'orderstream_transaction_seconds',
    help: 'From the first produce of a Kafka transaction until its commit is known.',
    labels: ['family'],
    buckets: CALL_SECONDS,
  },
  transactionsAborted: {
    type: 'counter',
    name: 'orderstream_transactions_aborted_total',
    help: 'Kafka transactions that did not commit, or whose outcome had to be read back.',
    labels: ['topic'],
  },
  fencings: {
    type: 'counter',
    name: 'orderstream_fencings_total',
    help: 'Times that another owner of the partition had taken over.',
    labels: ['topic'],
  },
  rowsAppended: {
    type: 'counter',
    name: 'orderstream_rows_appended_total',
    help: 'Rows that BigQuery acknowledged at the offset at which they were sent.',
    labels: ['family'],
  },
  rowsSkippedOnRecovery: {
    type: 'counter',
    name: 'orderstream_rows_skipped_on_recovery_total',
    help: 'Rows that a recovery found durable beyond the committed position.',
    labels: ['family'],
  },
  streamsCreated: {
    type: 'counter',
    name: 'orderstream_streams_created_total',
    help: 'Write streams created (the quota is 10,000 an hour).',
    labels: ['family'],
  },
  fallbacksTaken: {
    type: 'counter',
    name: 'orderstream_fallbacks_taken_total',
    help: 'Recoveries whose stream was gone, so that the position came from a query.',
    labels: ['family'],
  },
  stateEntries: {
    type: 'gauge',
    name: 'orderstream_state_entries',
    help: 'Entries of the state held in memory, by kind.',
    labels: ['family', 'kind', 'partition'],
  },
  effectiveWindowSeconds: {
    type: 'gauge',
    name: 'orderstream_effective_window_seconds',
    help: 'How far back the state of a kind really reaches, after eviction by time and by count.',
    labels: ['family', 'kind', 'partition'],
  },
  restoreSeconds: {
    type: 'histogram',
    name: 'orderstream_restore_seconds',
    help: 'From the assignment of a partition until its first record is taken.',
    labels: ['family'],
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
  },
  restoreRecords: {
    type: 'counter',
    name: 'orderstream_restore_records_total',
    help: 'Records read to restore state; over the sum of orderstream_restore_seconds it is the rate.',
    labels: ['family'],
  },
  catalogWaits: {
    type: 'gauge',
    name: 'orderstream_catalog_waits',
    help: '1 while a record of the partition waits for the catalog that it refers to.',
    labels: ['topic', 'partition'],
  },
  generatorTargetRate: {
    type: 'gauge',
    name: 'orderstream_generator_target_rate',
    help: 'Events per second that the generator is asked for; 0 is unthrottled.',
    labels: [],
  },
  generatorAchievedRate: {
    type: 'gauge',
    name: 'orderstream_generator_achieved_rate',
    help: 'Events per second that the brokers acknowledged, over the last seconds.',
    labels: [],
  },
  adminRejected: {
    type: 'counter',
    name: 'orderstream_admin_rejected_total',
    help: 'Requests to /admin that were rejected.',
    labels: ['reason'],
  },
} as const satisfies Record<string, MetricSpec>;
