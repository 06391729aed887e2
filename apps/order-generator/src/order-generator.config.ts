import {
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';

/** The fastest that the virtual clock can tick, and so the highest rate. */
export const MAX_RATE = 100_000;

const simulationSettings = defineSettings({
  seed: settings.integer({
    env: 'GENERATOR_SEED',
    default: 1,
    min: 0,
    max: 4_294_967_295,
    description: 'Seed of the story. The same seed over untouched topics gives the same records but for their times.',
  }),
  rate: settings.number({
    env: 'GENERATOR_RATE',
    default: 50,
    min: 0,
    max: MAX_RATE,
    description: 'Events per second; 0 is as fast as it goes. `/admin/rate` changes it until the next start.',
  }),
  nominalRate: settings.number({
    env: 'GENERATOR_NOMINAL_RATE',
    default: 50,
    min: 0.001,
    max: MAX_RATE,
    description:
      'Events per second of virtual time in an unthrottled run of GENERATOR_MAX_EVENTS: it tells the past at this rate, up to now.',
  }),
  maxPastHours: settings.number({
    env: 'GENERATOR_MAX_PAST_HOURS',
    default: 48,
    min: 0,
    max: 120,
    description: 'How far into the past such a run may begin, in hours; a longer story is told denser.',
  }),
  maxEvents: settings.integer({
    env: 'GENERATOR_MAX_EVENTS',
    default: 0,
    min: 0,
    description: 'Events of one run; the service stays up behind them. 0 is endless.',
  }),
  defectRate: settings.number({
    env: 'GENERATOR_DEFECT_RATE',
    default: 0.02,
    min: 0,
    max: 1,
    description: 'Share of records that are bad on purpose, 0 to 1.',
  }),
});

const emissionSettings = defineSettings({
  ledgerDir: settings.string({
    env: 'GENERATOR_LEDGER_DIR',
    default: '.local/ledger',
    description: 'Directory of the ledger and the position. Without it a new story begins, with other ids.',
  }),
  maxLedgerMegabytes: settings.integer({
    env: 'GENERATOR_LEDGER_MAX_MB',
    default: 4_096,
    min: 256,
    description: 'The oldest segments of the ledger go when all of them together are larger, in MiB.',
  }),
  autostart: settings.boolean({
    env: 'GENERATOR_AUTOSTART',
    default: true,
    description: 'Whether to begin at once, or at `/admin/start`.',
  }),
  maxBatchRecords: settings.integer({
    env: 'GENERATOR_MAX_BATCH_RECORDS',
    default: 1_000,
    min: 1,
    max: 10_000,
    description: 'Records in one batch at most.',
  }),
  maxBatchesInFlight: settings.integer({
    env: 'GENERATOR_MAX_BATCHES_IN_FLIGHT',
    default: 3,
    min: 1,
    max: 16,
    description: 'Batches that are made and not acknowledged yet, at most.',
  }),
  lingerMs: settings.integer({
    env: 'GENERATOR_LINGER_MS',
    default: 40,
    min: 1,
    max: 1_000,
    description: 'How long events that are due wait for others to share their batch, in milliseconds.',
  }),
  checkpointEvery: settings.integer({
    env: 'GENERATOR_CHECKPOINT_EVERY',
    default: 20_000,
    min: 100,
    max: 1_000_000,
    description: 'Records from one checkpoint to the next; what a start has to tell itself again.',
  }),
});

/** All settings of the order generator. */
export const orderGeneratorSettings = defineSettings({
  service: withDefaults(serviceSettings, { HTTP_PORT: '3001' }),
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'order-generator' }),
  simulation: simulationSettings,
  emission: emissionSettings,
});
export type OrderGeneratorSettings = SettingsOf<typeof orderGeneratorSettings>;
