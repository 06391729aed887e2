import { createHash } from 'node:crypto';
import { MAX_RECORD_BYTES, RULE_CODES, RULES, type RuleAction, type RuleCode } from '@orderstream/contracts';
import { RuleActionError } from './errors';

const DAY_MS = 86_400_000;

/** Actions and thresholds of the rules. */
export interface QualitySettings {
  readonly actions: Readonly<Record<RuleCode, RuleAction>>;
  /** `time.in_future` fires above it. An order that is dated further ahead counts as placed at this limit. */
  readonly maxAheadMs: number;
  /** `time.too_late` fires above it. */
  readonly maxLateMs: number;
  /** `time.too_old` fires above it. */
  readonly maxAgeMs: number;
  /** `structure.too_large` fires above it: the sum of key, value and headers. */
  readonly maxRecordBytes: number;
  /** Identifies the settings in the records that they evaluated: 12 hex digits of a hash over everything above. */
  readonly version: string;
}

/** A record that breaks its contract, or is older than the table takes, cannot become a row: it cannot be accepted. */
const REJECTING_ACTIONS: readonly RuleAction[] = ['reject', 'skip'];
const DEFAULT_ACTIONS: readonly RuleAction[] = ['reject', 'flag', 'skip', 'off'];
const DRIFT_ACTIONS: readonly RuleAction[] = ['repair', ...DEFAULT_ACTIONS];

/** The actions that a rule can be set to. */
export function allowedActions(code: RuleCode): readonly RuleAction[] {
  if (code === 'internal.rule_failed') return ['reject'];
  if (code.startsWith('structure.') || code === 'time.too_old') return REJECTING_ACTIONS;
  return code.startsWith('drift.') ? DRIFT_ACTIONS : DEFAULT_ACTIONS;
}

type Overrides = Partial<Omit<QualitySettings, 'actions' | 'version'>> & {
  readonly actions?: Readonly<Partial<Record<string, string>>>;
};

/**
 * The default settings with these overrides.
 * @throws RuleActionError that names every unknown rule and every action that its rule does not allow.
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
    maxAgeMs: overrides.maxAgeMs ?? 1_800 * DAY_MS,
    maxRecordBytes: overrides.maxRecordBytes ?? MAX_RECORD_BYTES,
  };
  const version = createHash('sha256').update(JSON.stringify(settings)).digest('hex').slice(0, 12);
  return { ...settings, version };
}
