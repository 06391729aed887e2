import { defineSettings, settings, type SettingsOf } from '@orderstream/config';
import { RULE_CODES } from '@orderstream/contracts';
import { z } from 'zod';
import { type CatalogLimits, DEFAULT_CATALOG_LIMITS } from './catalog/catalog';
import { allowedActions, type QualitySettings } from './settings';
import { DEFAULT_STATE_LIMITS, type StateLimits } from './state/partition-state';

const ruleActions = z.partialRecord(z.enum(RULE_CODES), z.string()).refine((actions) =>
  Object.entries(actions).every(([name, action]) => {
    const code = RULE_CODES.find((known) => known === name);
    return code !== undefined && allowedActions(code).some((allowed) => allowed === action);
  }),
);

/** Settings of the rules, for every program that evaluates records. */
export const ruleFields = {
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
};

const count = (env: string, value: number, description: string) =>
  settings.integer({ env, default: value, min: 1, max: 10_000_000, description });

/** Settings of what is remembered, for every program that evaluates records. */
export const memorySettings = defineSettings({
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
interface Memory {
  readonly state: SettingsOf<typeof memorySettings>;
}

/** What verdicts depend on, by the names of the settings. The action of a rule is `RULE_ACTIONS.<code>`. */
export type EvaluationValues = Readonly<Record<string, string | number>>;

/** What a program evaluates by, to compare it with another one. */
export function evaluationValues(
  { actions, maxAheadMs, maxLateMs }: Pick<QualitySettings, 'actions' | 'maxAheadMs' | 'maxLateMs'>,
  { state }: Memory,
): EvaluationValues {
  const values: Record<string, string | number> = {
    [ruleFields.maxAheadMs.env]: maxAheadMs,
    [ruleFields.maxLateMs.env]: maxLateMs,
  };
  for (const [code, action] of Object.entries(actions)) values[`${ruleFields.actions.env}.${code}`] = action;
  for (const [name, entry] of Object.entries(memorySettings.entries)) {
    if (entry.kind === 'setting') values[entry.env] = state[name as keyof typeof state];
  }
  return values;
}

export const catalogLimitsOf = ({ state }: Memory): CatalogLimits => ({
  ...DEFAULT_CATALOG_LIMITS,
  maxEntities: state.maxCatalogEntities,
});

export const stateLimitsOf = ({ state }: Memory): StateLimits => ({
  events: { windowMs: state.eventWindowMs, maxEntries: state.maxEvents },
  orderKeys: { windowMs: state.orderKeyWindowMs, maxEntries: state.maxOrderKeys },
  lifecycles: { windowMs: state.lifecycleWindowMs, maxEntries: state.maxLifecycles },
  registrations: { maxEntries: state.maxRegistrations },
});
