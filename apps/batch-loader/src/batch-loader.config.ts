import {
  bigquerySettings,
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';
import { RULE_CODES } from '@orderstream/contracts';
import { allowedActions } from '@orderstream/quality';
import { z } from 'zod';
import { dailySettings } from './daily/daily.config';
import { PARTITIONS } from './runs/run';

const ruleActions = z.partialRecord(z.enum(RULE_CODES), z.string()).refine((actions) =>
  Object.entries(actions).every(([name, action]) => {
    const code = RULE_CODES.find((known) => known === name);
    return code !== undefined && allowedActions(code).some((allowed) => allowed === action && allowed !== 'skip');
  }),
);

const batchSettings = defineSettings({
  store: settings.string({
    env: 'BATCH_STORE',
    default: '.local/batch',
    description:
      'Object store of the runs, their locks and the files between their blocks: a folder, or `gs://bucket/prefix` with application default credentials.',
  }),
  googleEndpoint: settings.optional(
    settings.string({
      env: 'BATCH_GCS_ENDPOINT',
      pattern: /^http:\/\/[^\s/]+$/,
      expected: '`http://host:port`',
      description: "Address of an emulator of Cloud Storage, without credentials. Unset: Google's.",
    }),
  ),
  scratch: settings.string({
    env: 'BATCH_SCRATCH_DIR',
    default: '.local/batch-scratch',
    description: 'Folder of this machine for what a block sorts and joins. It is empty between two blocks.',
  }),
  memoryMb: settings.integer({
    env: 'BATCH_DUCKDB_MEMORY_MB',
    default: 1_024,
    min: 256,
    max: 262_144,
    description: 'Memory of DuckDB, in MB. What does not fit is written to the scratch folder.',
  }),
  bucketRows: settings.integer({
    env: 'BATCH_BUCKET_ROWS',
    default: 100_000,
    min: 100,
    max: 10_000_000,
    description:
      'Rows that the rules remember at a time, about: quality_checks evaluates the customers in buckets of so many rows.',
  }),
  partition: settings.oneOf({
    env: 'BATCH_PARTITION',
    default: 'month',
    values: PARTITIONS,
    description: 'Days of one run of a backfill: a calendar month, a day, or the whole range.',
  }),
  seed: settings.integer({
    env: 'GENERATOR_SEED',
    default: 1,
    min: 0,
    max: 4_294_967_295,
    description:
      'Seed of the simulation: the same seed has the same vendors, products and customers at any time and in every scenario.',
  }),
  scenario: settings.string({
    env: 'BATCH_SCENARIO',
    default: 'steady',
    description: 'Name of the scenario of the history (docs/scenarios.md).',
  }),
  scenarioDir: settings.optional(
    settings.string({
      env: 'GENERATOR_SCENARIO_DIR',
      description: 'Folder with further scenarios, each in a file NAME.yaml. They hide built-in ones of the same name.',
    }),
  ),
  journal: settings.optional(
    settings.string({
      env: 'GENERATOR_LEDGER_DIR',
      description:
        "Folder of the generator's journal. The days of which the generator has sent something get its orders, the others those of the history. Unset, or without a journal: every day is of the history.",
    }),
  ),
  maxRejectedShare: settings.json({
    env: 'BATCH_MAX_REJECTED_SHARE',
    default: { '*': 0.05 },
    schema: z.record(z.string().regex(/^(\*|[a-z]+\.[a-z_]+)$/), z.number().min(0).max(1)).readonly(),
    expected:
      'a JSON object of rule codes, or `*` for all together, and shares, such as `{"*":0.05,"duplicate.order":0.01}`',
    description: 'Highest share of the rows that may be rejected. Above it, the run fails before the export.',
  }),
  actions: settings.json({
    env: 'BATCH_RULE_ACTIONS',
    default: {},
    schema: ruleActions,
    expected:
      'a JSON object of rule codes and actions that the rules allow, but `skip`, such as `{"duplicate.order":"flag"}`',
    description:
      'Rule actions that replace those of the batch. It does not use `time.too_late` and `time.too_old`, and rejects what `duplicate.event` finds.',
  }),
  retries: settings.integer({
    env: 'BATCH_RETRIES',
    default: 3,
    min: 0,
    max: 100,
    description: 'How often a block is tried again after an error that may pass.',
  }),
  retryPauseMs: settings.integer({
    env: 'BATCH_RETRY_PAUSE_MS',
    default: 5_000,
    min: 0,
    max: 3_600_000,
    description: 'Pause before a block is tried again, in milliseconds.',
  }),
  leaseSeconds: settings.integer({
    env: 'BATCH_LEASE_SECONDS',
    default: 60,
    min: 3,
    max: 3_600,
    description:
      'Lease of the range of a run, in seconds. It is renewed three times in it. After a kill, another run can take over the range when it has ended.',
  }),
});

/** All settings of the batch loader. */
export const batchLoaderSettings = defineSettings({
  service: withDefaults(serviceSettings, { HTTP_PORT: '3007' }),
  /** Of the service: settings and audit of operators. A run of the terminal does not use Kafka. */
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'batch-loader' }),
  bigquery: bigquerySettings,
  batch: batchSettings,
  daily: dailySettings,
});
export type BatchLoaderSettings = SettingsOf<typeof batchLoaderSettings>;
