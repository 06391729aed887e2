import {
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';
import { FAMILIES, type Family } from '@orderstream/contracts';
import {
  memorySettings,
  type QualitySettings,
  qualitySettings,
  ruleFields,
  type RunTimeActions,
} from '@orderstream/quality';

export { catalogLimitsOf, stateLimitsOf } from '@orderstream/quality';

const ruleSettings = defineSettings({
  ...ruleFields,
  breakerWindow: settings.integer({
    env: 'BREAKER_WINDOW_RECORDS',
    default: 1_000,
    min: 0,
    max: 1_000_000,
    description:
      'Number of last records of a partition over which the share of rejects is computed; 0 disables the breaker.',
  }),
  breakerShare: settings.number({
    env: 'BREAKER_REJECT_SHARE',
    default: 0.5,
    min: 0,
    max: 1,
    description: 'Share of rejects above which a partition stops until an operator resumes it.',
  }),
});

const loopSettings = defineSettings({
  families: settings.list({
    env: 'VALIDATOR_FAMILIES',
    default: [...FAMILIES],
    item: new RegExp(`^(?:${FAMILIES.join('|')})$`),
    expected: `a comma-separated list of ${FAMILIES.map((family) => `\`${family}\``).join(', ')}`,
    description: 'Families that this instance validates.',
  }),
  maxBatchRecords: settings.integer({
    env: 'VALIDATOR_MAX_BATCH_RECORDS',
    default: 2_000,
    min: 1,
    max: 100_000,
    description: 'Maximum number of records in one transaction.',
  }),
  maxQueuedRecords: settings.integer({
    env: 'VALIDATOR_MAX_QUEUED_RECORDS',
    default: 4_000,
    min: 1,
    max: 1_000_000,
    description: 'Maximum number of fetched records of a partition that wait for the rules.',
  }),
  maxQueuedBytes: settings.integer({
    env: 'VALIDATOR_MAX_QUEUED_BYTES',
    default: 2_097_152,
    min: 1_024,
    max: 1_073_741_824,
    description: 'Bytes of fetched records that wait for the rules at which a partition pauses.',
  }),
  transactionTimeoutMs: settings.integer({
    env: 'VALIDATOR_TRANSACTION_TIMEOUT_MS',
    default: 30_000,
    min: 1_000,
    max: 900_000,
    description: 'Time after which the broker aborts an open transaction, in milliseconds.',
  }),
  sessionTimeoutMs: settings.integer({
    env: 'VALIDATOR_SESSION_TIMEOUT_MS',
    default: 6_000,
    min: 1_000,
    max: 300_000,
    description:
      'Time without a heartbeat after which another instance takes over, in milliseconds. ' +
      'Brokers reject less than their `group.min.session.timeout.ms`, which is 6000 by default.',
  }),
  rebalanceTimeoutMs: settings.integer({
    env: 'VALIDATOR_REBALANCE_TIMEOUT_MS',
    default: 30_000,
    min: 1_000,
    max: 600_000,
    description: 'How long a rebalance waits for this instance, in milliseconds.',
  }),
  handlerTimeoutMs: settings.integer({
    env: 'VALIDATOR_HANDLER_TIMEOUT_MS',
    default: 120_000,
    min: 1_000,
    max: 3_600_000,
    description: 'Time after which a batch that is not finished fails the liveness check, in milliseconds.',
  }),
  catalogWaitMs: settings.integer({
    env: 'CATALOG_WAIT_MS',
    default: 60_000,
    min: 100,
    max: 600_000,
    description:
      'How long a record that the catalog does not know, or contradicts, waits for the validator of the catalog while ' +
      'that makes no progress, in milliseconds. Time in which the broker does not answer does not count. Then an unknown ' +
      'reference is rejected with the detail `catalogBehind`, and a contradiction is flagged.',
  }),
});

/** All settings of validator. */
export const validatorSettings = defineSettings(
  {
    service: withDefaults(serviceSettings, { HTTP_PORT: '3002' }),
    kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'validator' }),
    loop: loopSettings,
    rules: ruleSettings,
    state: memorySettings,
  },
  ({ loop }) =>
    loop.catalogWaitMs >= loop.handlerTimeoutMs ? ['CATALOG_WAIT_MS must be below VALIDATOR_HANDLER_TIMEOUT_MS'] : [],
);
export type ValidatorSettings = SettingsOf<typeof validatorSettings>;

/** Consumer group of a family's validators. */
export const groupOf = (family: Family): string => `validator-${family}`;

/** @param changed the actions that operators have set at run time: they override those of the environment */
export const qualityOf = (
  { rules: { actions, maxAheadMs, maxLateMs } }: ValidatorSettings,
  changed: RunTimeActions['actions'],
): QualitySettings => qualitySettings({ actions: { ...actions, ...changed }, maxAheadMs, maxLateMs });
