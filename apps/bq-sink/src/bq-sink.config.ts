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
    description: 'How long a row waits for more rows before its append is sent, in milliseconds.',
  }),
  deadLetterLingerMs: settings.integer({
    env: 'BQ_SINK_DEAD_LETTER_LINGER_MS',
    default: 2_000,
    min: 0,
    max: 60_000,
    description:
      'How long the row of a dead letter waits for more rows before its append is sent, in milliseconds. Dead letters are few and spread over many partitions.',
  }),
  maxBatchRows: settings.integer({
    env: 'BQ_SINK_MAX_BATCH_ROWS',
    default: 2_000,
    min: 1,
    max: 8_000,
    description: 'Maximum number of rows in one append.',
  }),
  maxBatchBytes: settings.integer({
    env: 'BQ_SINK_MAX_BATCH_BYTES',
    default: 9_500_000,
    min: 1_000,
    max: 9_500_000,
    description: 'Maximum encoded size of the rows in one append, in bytes. BigQuery accepts requests of up to 10 MB.',
  }),
  maxInFlight: settings.integer({
    env: 'BQ_SINK_MAX_IN_FLIGHT',
    default: 2,
    min: 1,
    max: 100,
    description: 'Maximum number of appends in flight for each partition.',
  }),
  appendTimeoutMs: settings.integer({
    env: 'BQ_SINK_APPEND_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    description:
      'How long the sink waits for the answer to an append, in milliseconds. After that the outcome is unknown and the partition recovers.',
  }),
  commitIntervalMs: settings.integer({
    env: 'BQ_SINK_COMMIT_INTERVAL_MS',
    default: 500,
    min: 0,
    max: 60_000,
    description: 'Maximum time from an acknowledged append to the commit of its position, in milliseconds.',
  }),
  transactionTimeoutMs: settings.integer({
    env: 'BQ_SINK_TRANSACTION_TIMEOUT_MS',
    default: 15_000,
    min: 1_000,
    max: 900_000,
    description: 'Maximum duration of a commit, in milliseconds.',
  }),
  idleFinalizeMs: settings.integer({
    env: 'BQ_SINK_IDLE_FINALIZE_MS',
    default: 3_600_000,
    min: 100,
    max: 172_800_000,
    description:
      'The sink ends a write stream after this time without rows, in milliseconds. BigQuery deletes an idle stream after about three days.',
  }),
  sessionTimeoutMs: settings.integer({
    env: 'BQ_SINK_SESSION_TIMEOUT_MS',
    default: 6_000,
    min: 1_000,
    max: 300_000,
    description:
      'Another instance takes over after this time without a heartbeat, in milliseconds. Brokers reject a value below their `group.min.session.timeout.ms`, which is 6000 by default.',
  }),
  fallbackWaitMs: settings.integer({
    env: 'BQ_SINK_FALLBACK_WAIT_MS',
    default: 60_000,
    min: 0,
    max: 3_600_000,
    description:
      'How long BigQuery may wrongly answer that it does not know a write stream, in milliseconds: an append to a deleted stream may still land, and a new stream may not be known yet. Recovery waits this long before it queries the table. Set 0 for the local emulator, which drops open appends with the stream.',
  }),
  schemaTimeoutMs: settings.integer({
    env: 'BQ_SINK_SCHEMA_TIMEOUT_MS',
    default: 900_000,
    min: 0,
    max: 86_400_000,
    description:
      'How long a partition retries while its table lacks a column of the contract, in milliseconds. After that it stops.',
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
