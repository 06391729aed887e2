import {
  defineSettings,
  kafkaSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';
import { FAMILIES, type Family, RULE_CODES } from '@orderstream/contracts';
import {
  allowedActions,
  type CatalogLimits,
  DEFAULT_CATALOG_LIMITS,
  DEFAULT_STATE_LIMITS,
  type QualitySettings,
  qualitySettings,
  type RunTimeActions,
  type StateLimits,
} from '@orderstream/quality';
import { z } from 'zod';

const ruleActions = z.partialRecord(z.enum(RULE_CODES), z.string()).refine((actions) =>
  Object.entries(actions).every(([name, action]) => {
    const code = RULE_CODES.find((known) => known === name);
    return code !== undefined && allowedActions(code).some((allowed) => allowed === action);
  }),
);

const count = (env: string, value: number, description: string) =>
  settings.integer({ env, default: value, min: 1, max: 10_000_000, description });

const ruleSettings = defineSettings({
  actions: settings.json({
    env: 'RULE_ACTIONS',
    default: {},
    schema: ruleActions,
    expected: 'a JSON object of rule codes and actions that the rules allow, such as `{"time.too_late":"reject"}`',
    description: 'Rule actions that replace the defaults.',
  }),
  maxAheadMs: settings.integer({
    env: 'RULE_MAX_AHEAD_MS',
    default: 300_000,
    min: 0,
    description: 'How far an event may occur after its append time, in milliseconds (`time.in_future`).',
  }),
  maxLateMs: settings.integer({
    env: 'RULE_MAX_LATE_MS',
    default: 604_800_000,
    min: 0,
    description: 'How far an event may occur before its append time, in milliseconds (`time.too_late`).',
  }),
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

const stateSettings = defineSettings({
  eventWindowMs: settings.integer({
    env: 'STATE_EVENT_WINDOW_MS',
    default: DEFAULT_STATE_LIMITS.events.windowMs,
    min: 1_000,
    description: 'How long an event id is remembered after its append time, in milliseconds.',
  }),
  maxEvents: count('STATE_MAX_EVENTS', DEFAULT_STATE_LIMITS.events.maxEntries, 'Event ids remembered, per partition.'),
  orderKeyWindowMs: settings.integer({
    env: 'STATE_ORDER_KEY_WINDOW_MS',
    default: DEFAULT_STATE_LIMITS.orderKeys.windowMs,
    min: 1_000,
    description: 'How long an order key, which detects duplicate orders, is remembered, in milliseconds.',
  }),
  maxOrderKeys: count('STATE_MAX_ORDER_KEYS', DEFAULT_STATE_LIMITS.orderKeys.maxEntries, 'Order keys, per partition.'),
  lifecycleWindowMs: settings.integer({
    env: 'STATE_LIFECYCLE_WINDOW_MS',
    default: DEFAULT_STATE_LIMITS.lifecycles.windowMs,
    min: 1_000,
    description: 'How long an order is remembered after its last event, in milliseconds.',
  }),
  maxLifecycles: count(
    'STATE_MAX_LIFECYCLES',
    DEFAULT_STATE_LIMITS.lifecycles.maxEntries,
    'Orders remembered, per partition; closed ones leave first.',
  ),
  maxRegistrations: count(
    'STATE_MAX_REGISTRATIONS',
    DEFAULT_STATE_LIMITS.registrations.maxEntries,
    'Customers whose first registration is remembered, per partition.',
  ),
  maxCatalogEntities: count(
    'CATALOG_MAX_ENTITIES',
    DEFAULT_CATALOG_LIMITS.maxEntities,
    'Vendors, and products, that are remembered. A reader that had to leave some out flags what it does not know.',
  ),
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
    state: stateSettings,
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

export const catalogLimitsOf = ({ state }: ValidatorSettings): CatalogLimits => ({
  ...DEFAULT_CATALOG_LIMITS,
  maxEntities: state.maxCatalogEntities,
});

export const stateLimitsOf = ({ state }: ValidatorSettings): StateLimits => ({
  events: { windowMs: state.eventWindowMs, maxEntries: state.maxEvents },
  orderKeys: { windowMs: state.orderKeyWindowMs, maxEntries: state.maxOrderKeys },
  lifecycles: { windowMs: state.lifecycleWindowMs, maxEntries: state.maxLifecycles },
  registrations: { maxEntries: state.maxRegistrations },
});
