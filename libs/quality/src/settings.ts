import { createHash } from 'node:crypto';
import { MAX_RECORD_BYTES, RULE_CODES, RULES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import { RuleActionError } from './errors';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What the rules do, and where their thresholds lie. */
export interface QualitySettings {
  readonly actions: Readonly<Record<RuleCode, RuleAction>>;
  /** `time.in_future` fires above it; an order that is dated further ahead counts as placed then. */
  readonly maxAheadMs: number;
  /** `time.too_late` fires above it. */
  readonly maxLateMs: number;
  /** `structure.too_large` fires above it: key, value and headers together, or the value alone. */
  readonly maxRecordBytes: number;
  /** Names these settings in the records evaluated by them: 12 hex digits that change when anything above does. */
  readonly version: string;
}

/** A record that breaks its contract can neither be stored as a row nor remembered: it is rejected or dropped. */
const STRUCTURAL: readonly RuleAction[] = ['reject', 'skip'];
const JUDGED: readonly RuleAction[] = ['reject', 'flag', 'skip', 'off'];
const REPAIRABLE: readonly RuleAction[] = ['repair', ...JUDGED];

/** The actions that a rule can be set to. */
export function allowedActions(code: RuleCode): readonly RuleAction[] {
  if (code === 'internal.rule_failed') return ['reject'];
  if (code.startsWith('structure.')) return STRUCTURAL;
  return code.startsWith('drift.') ? REPAIRABLE : JUDGED;
}

type Overrides = Partial<Omit<QualitySettings, 'actions' | 'version'>> & {
  readonly actions?: Readonly<Partial<Record<string, string>>>;
};

/**
 * The settings with defaults for what is not given.
 * @throws RuleActionError naming every unknown rule and every action that its rule does not allow.
 */
export function qualitySettings(overrides: Overrides = {}): QualitySettings {
  const actions = Object.fromEntries(RULE_CODES.map((code) => [code, RULES[code].action])) as Record<
    RuleCode,
    RuleAction
  >;
  const problems: string[] = [];
  for (const [name, action] of Object.entries(overrides.actions ?? {})) {
    const code = RULE_CODES.find((known) => known === name);
    const chosen = code === undefined ? undefined : allowedActions(code).find((allowed) => allowed === action);
    if (code === undefined) problems.push(`there is no rule ${name}`);
    else if (chosen === undefined) problems.push(`${name} can be ${allowedActions(code).join(', ')}`);
    else actions[code] = chosen;
  }
  if (problems.length > 0) throw new RuleActionError(problems);
  const settings = {
    actions,
    maxAheadMs: overrides.maxAheadMs ?? 5 * 60_000,
    maxLateMs: overrides.maxLateMs ?? 7 * DAY_MS,
    maxRecordBytes: overrides.maxRecordBytes ?? MAX_RECORD_BYTES,
  };
  const version = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);
  return { ...settings, version };
}

/** How long, and how much of it, something is remembered: whichever bound is reached first. */
export interface WindowLimits {
  /** By append time. */
  readonly windowMs: number;
  /** Per partition. */
  readonly maxEntries: number;
}

/** Bounds of a partition's state. */
export interface StateLimits {
  readonly events: WindowLimits;
  readonly orderKeys: WindowLimits;
  /** Since the order's last event; closed orders leave first when there are too many. */
  readonly lifecycles: WindowLimits;
  /** By count alone. */
  readonly registrations: { readonly maxEntries: number };
}

/**
 * Sized for 24 partitions in one process below 512 MB: an order with its key, its event id and a registration takes some
 * 630 bytes.
 */
export const DEFAULT_STATE_LIMITS: StateLimits = {
  events: { windowMs: 24 * HOUR_MS, maxEntries: 40_000 },
  orderKeys: { windowMs: 24 * HOUR_MS, maxEntries: 40_000 },
  lifecycles: { windowMs: 90 * DAY_MS, maxEntries: 40_000 },
  registrations: { maxEntries: 40_000 },
};
