import { type ExpectedOutcome, RULE_CODES, type RuleCode, RULES } from '@orderstream/contracts';
import { appendMsOf, MICROS_PER_MS, MS_PER_DAY, MS_PER_MINUTE } from '../time/timestamps';
import { type Intent } from './simulated-record';

/** The limits of the time rules, as `RULES` describes them. */
export const MAX_AHEAD_MS = 5 * MS_PER_MINUTE;
export const MAX_LATE_MS = 7 * MS_PER_DAY;
export const MAX_AGE_MS = 1_800 * MS_PER_DAY;

/** Where a record stands in the raw log. */
export interface Occurrence {
  readonly appendMs: number;
  /** How often the record stands before it in the log: more than 0 if it was sent again. */
  readonly occurrence: number;
  /**
   * Whether the record was accepted before. Left out: whether an earlier occurrence is to be expected accepted. It matters
   * only if a time rule rejects one occurrence and not the other.
   */
  readonly acceptedBefore?: boolean;
}

/** The verdict on a record, and the rules that the accounting counts for it. */
export interface Findings {
  readonly outcome: ExpectedOutcome;
  /**
   * In the order of `RULE_CODES`: the reasons of a rejected record, else the rules that flag, repair or skip it. A rejected
   * record has no flags.
   */
  readonly rules: readonly RuleCode[];
}

const NONE: readonly RuleCode[] = [];
const ACCEPTED: Findings = { outcome: 'accept', rules: NONE };
const SKIPPED: Findings = { outcome: 'skip', rules: ['duplicate.event'] };

const RANK: ReadonlyMap<RuleCode, number> = new Map(RULE_CODES.map((code, rank) => [code, rank]));
export const inOrder = (codes: Iterable<RuleCode>): RuleCode[] =>
  [...new Set(codes)].sort((a, b) => (RANK.get(a) ?? 0) - (RANK.get(b) ?? 0));

/** The rules that depend on the append time. An intent does not list them: they follow from its times. */
const TIMED: ReadonlySet<RuleCode> = new Set<RuleCode>(['time.in_future', 'time.too_late', 'time.too_old']);
/** A record that one of these rejects is not compared with the catalog. */
const BEFORE_REFERENCES: ReadonlySet<RuleCode> = new Set<RuleCode>([
  'time.in_future',
  'time.too_old',
  'time.before_registration',
  'duplicate.order',
]);

const isTimed = (code: RuleCode): boolean => TIMED.has(code);
const isStructural = (code: RuleCode | undefined): boolean => code?.startsWith('structure.') === true;
const isRejected = (outcome: ExpectedOutcome): boolean => outcome.startsWith('reject:');
const rejects = (code: RuleCode): boolean => RULES[code].action === 'reject';

/** The verdict of the rules with their default actions on a record at its place in the raw log. */
export function expectedVerdict(intent: Intent, at: Occurrence): ExpectedOutcome {
  return expectedFindings(intent, at).outcome;
}

/** As `expectedVerdict`, with the rules that fire. */
export function expectedFindings(intent: Intent, { appendMs, occurrence, acceptedBefore }: Occurrence): Findings {
  const { rules, expected } = intent;
  const [first] = rules;
  // A record that breaks its contract is not evaluated further.
  if (isStructural(first)) return { outcome: expected, rules };
  if (first === 'duplicate.event') return SKIPPED;
  if (acceptedBefore ?? (occurrence > 0 && !isRejected(expected))) return SKIPPED;
  const timed = timedRules(intent, appendMs);
  if (timed.length === 0 && rules.length === 0) return ACCEPTED;
  return findingsOf(inOrder([...timed, ...rules]));
}

function timedRules({ occurredMicros, latestMicros }: Intent, appendMs: number): readonly RuleCode[] {
  const aheadMs = occurredMicros / MICROS_PER_MS - appendMs;
  const isFuture = aheadMs > MAX_AHEAD_MS || latestMicros / MICROS_PER_MS - appendMs > MAX_AHEAD_MS;
  if (!isFuture && -aheadMs <= MAX_LATE_MS) return NONE;
  const codes: RuleCode[] = isFuture ? ['time.in_future'] : [];
  if (-aheadMs > MAX_AGE_MS) codes.push('time.too_old');
  else if (-aheadMs > MAX_LATE_MS) codes.push('time.too_late');
  return codes;
}

/** @param codes of the rules that fire, in order; those of a record that meets its contract */
function findingsOf(codes: readonly RuleCode[]): Findings {
  const isEarly = codes.some((code) => BEFORE_REFERENCES.has(code));
  const reasons = codes.filter((code) => rejects(code) && !(isEarly && code.startsWith('reference.')));
  const [reason] = reasons;
  if (reason !== undefined) return { outcome: `reject:${reason}`, rules: reasons };
  return { outcome: codes.some((code) => RULES[code].action === 'repair') ? 'repair' : 'accept', rules: codes };
}

/** The intent of a record in which these rules fire, if it is appended about when it is emitted. */
export function intentOf(
  defect: string,
  fires: readonly RuleCode[],
  { occurredMicros, latestMicros }: Pick<Intent, 'occurredMicros' | 'latestMicros'>,
  emittedMicros: number,
): Intent {
  const rules = inOrder(fires).filter((code) => !isTimed(code));
  const [first] = rules;
  if (isStructural(first))
    return { defect, expected: `reject:${String(first)}` as ExpectedOutcome, rules, occurredMicros, latestMicros };
  const unsettled: Intent = { defect, expected: 'accept', rules, occurredMicros, latestMicros };
  const at = { appendMs: appendMsOf(emittedMicros), occurrence: 0 };
  return { ...unsettled, expected: expectedVerdict(unsettled, at) };
}

/** The intent of an event as it is: it is accepted. */
export const goodIntent = (occurredMicros: number): Intent => ({
  defect: null,
  expected: 'accept',
  rules: NONE,
  occurredMicros,
  latestMicros: occurredMicros,
});
