import {
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';
import { MAX_RATE } from './emission/schedule';

const simulationSettings = defineSettings({
  seed: settings.integer({
    env: 'GENERATOR_SEED',
    default: 1,
    min: 0,
    max: 4_294_967_295,
    description:
      'Seed of the simulation: the same seed has the same vendors, products and customers at any time and in every scenario.',
  }),
  scenario: settings.string({
    env: 'GENERATOR_SCENARIO',
    default: 'steady',
    description:
      'Name of the scenario (docs/scenarios.md). `/admin/scenario` changes it until the next start of the service.',
  }),
  scenarioDir: settings.optional(
    settings.string({
      env: 'GENERATOR_SCENARIO_DIR',
      description: 'Folder with further scenarios, each in a file NAME.yaml. They hide built-in ones of the same name.',
    }),
  ),
  rate: settings.number({
    env: 'GENERATOR_RATE',
    default: 50,
    min: 0,
    max: MAX_RATE,
    description: 'Events per second; 0 is unthrottled. `/admin/rate` changes it until the next start.',
  }),
  nominalRate: settings.number({
    env: 'GENERATOR_NOMINAL_RATE',
    default: 50,
    min: 0.001,
    max: MAX_RATE,
    description:
      'Events per second of virtual time in an unthrottled run of GENERATOR_MAX_EVENTS. Its events lie in the past.',
  }),
  maxPastHours: settings.number({
    env: 'GENERATOR_MAX_PAST_HOURS',
    default: 48,
    min: 0,
    max: 120,
    description:
      'How far in the past such a run may begin, in hours. A run that needs more time has more events per second of virtual time.',
  }),
  maxEvents: settings.integer({
    env: 'GENERATOR_MAX_EVENTS',
    default: 0,
    min: 0,
    description:
      'Events of one run, without the announcement of the catalog; 0 is endless. The service stays up after the last event.',
  }),
  defectRate: settings.optional(
    settings.number({
      env: 'GENERATOR_DEFECT_RATE',
      min: 0,
      max: 1,
      description:
        'Share of the events that are followed by a defective record, 0 to 1, in place of what the scenario says.',
    }),
  ),
});

const emissionSettings = defineSettings({
  ledgerDir: settings.string({
    env: 'GENERATOR_LEDGER_DIR',
    default: '.local/ledger',
    description:
      'Directory of the journal and the checkpoint. If it is lost, a new segment begins, with the same people.',
  }),
  autostart: settings.boolean({
    env: 'GENERATOR_AUTOSTART',
    default: true,
    description: 'Whether to emit from the start of the service on; otherwise `/admin/start` begins.',
  }),
  maxBatchRecords: settings.integer({
    env: 'GENERATOR_MAX_BATCH_RECORDS',
    default: 1_000,
    min: 1,
    max: 10_000,
    description: 'Maximum number of records in one batch.',
  }),
  maxBatchesInFlight: settings.integer({
    env: 'GENERATOR_MAX_BATCHES_IN_FLIGHT',
    default: 3,
    min: 1,
    max: 16,
    description: 'Maximum number of batches that are sent and not yet acknowledged.',
  }),
  lingerMs: settings.integer({
    env: 'GENERATOR_LINGER_MS',
    default: 40,
    min: 1,
    max: 1_000,
    description: 'How long due events wait for more events of their batch, in milliseconds.',
  }),
  checkpointEvery: settings.integer({
    env: 'GENERATOR_CHECKPOINT_EVERY',
    default: 20_000,
    min: 100,
    max: 1_000_000,
    description:
      'Least number of records between two checkpoints, which are also 5 seconds apart. A start computes the records since the last one again.',
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
