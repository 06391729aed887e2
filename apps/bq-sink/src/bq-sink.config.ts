import {
  bigquerySettings,
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';

const sinkSettings = defineSettings({
  lingerMs: settings.integer({
    env: 'BQ_SINK_LINGER_MS',
    default: 500,
    min: 0,
    max: 60_000,
    description: 'How long a row may wait for others to share its append, in milliseconds.',
  }),
  maxBatchRows: settings.integer({
    env: 'BQ_SINK_MAX_BATCH_ROWS',
    default: 2_000,
    min: 1,
    max: 8_000,
    description: 'Rows in one append.',
  }),
  maxBatchBytes: settings.integer({
    env: 'BQ_SINK_MAX_BATCH_BYTES',
    default: 9_500_000,
    min: 1_000,
    max: 9_500_000,
    description: 'Encoded bytes of the rows in one append; BigQuery takes requests of 10 MB.',
  }),
  maxInFlight: settings.integer({
    env: 'BQ_SINK_MAX_IN_FLIGHT',
    default: 2,
    min: 1,
    max: 100,
    description: 'Appends under way at once, for each partition.',
  }),
  appendTimeoutMs: settings.integer({
    env: 'BQ_SINK_APPEND_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    description: 'An append without an answer for so long is lost, in milliseconds: its partition opens again.',
  }),
  commitIntervalMs: settings.integer({
    env: 'BQ_SINK_COMMIT_INTERVAL_MS',
    default: 500,
    min: 0,
    max: 60_000,
    description: 'Longest time from an acknowledged append to the commit of its position, in milliseconds.',
  }),
  transactionTimeoutMs: settings.integer({
    env: 'BQ_SINK_TRANSACTION_TIMEOUT_MS',
    default: 15_000,
    min: 1_000,
    max: 900_000,
    description: 'Longest time that a commit may take, in milliseconds.',
  }),
  idleFinalizeMs: settings.integer({
    env: 'BQ_SINK_IDLE_FINALIZE_MS',
    default: 3_600_000,
    min: 100,
    max: 172_800_000,
    description:
      'A write stream without rows for so long is ended, in milliseconds; BigQuery forgets one after about three days.',
  }),
  sessionTimeoutMs: settings.integer({
    env: 'BQ_SINK_SESSION_TIMEOUT_MS',
    default: 6_000,
    min: 1_000,
    max: 300_000,
    description:
      'After that long without a heartbeat another instance takes over, in milliseconds. Brokers reject less than their `group.min.session.timeout.ms`, which is 6000 by default.',
  }),
  fallbackWaitMs: settings.integer({
    env: 'BQ_SINK_FALLBACK_WAIT_MS',
    default: 60_000,
    min: 0,
    max: 3_600_000,
    description:
      'How long an append to a write stream that is gone may still land, in milliseconds; 0 for the local emulator, which forgets both together.',
  }),
  schemaTimeoutMs: settings.integer({
    env: 'BQ_SINK_SCHEMA_TIMEOUT_MS',
    default: 900_000,
    min: 0,
    max: 86_400_000,
    description:
      'How long a partition waits for a column that the contract has and the table not yet, in milliseconds.',
  }),
});

/** All settings of bq-sink. */
export const bqSinkSettings = defineSettings({
  service: withDefaults(serviceSettings, { HTTP_PORT: '3003' }),
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'bq-sink' }),
  bigquery: bigquerySettings,
  sink: sinkSettings,
});
export type BqSinkSettings = SettingsOf<typeof bqSinkSettings>;
