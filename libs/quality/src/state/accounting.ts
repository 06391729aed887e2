import { RULE_CODES, type RuleCode } from '@orderstream/contracts';
import type { Verdict } from '../verdict';

/** Outcomes of all records of one partition. accepted + repaired + skipped + deadLettered + passedOver = input. */
export interface Accounting {
  input: number;
  accepted: number;
  repaired: number;
  skipped: number;
  deadLettered: number;
  /** Records without a verdict that an operator's command left out (`set-position`). */
  passedOver: number;
  /** How many of the accepted records carry flags. Not an outcome. */
  flagged: number;
  /** How many records each rule rejected, skipped, repaired or flagged. */
  readonly rules: Partial<Record<RuleCode, number>>;
}

export const OUTCOMES = ['accepted', 'repaired', 'skipped', 'deadLettered', 'passedOver'] as const;

export const emptyAccounting = (): Accounting => ({
  input: 0,
  accepted: 0,
  repaired: 0,
  skipped: 0,
  deadLettered: 0,
  passedOver: 0,
  flagged: 0,
  rules: {},
});

export const copyOf = (accounting: Accounting): Accounting => ({ ...accounting, rules: { ...accounting.rules } });

const countRule = (accounting: Accounting, code: RuleCode): void => {
  accounting.rules[code] = (accounting.rules[code] ?? 0) + 1;
};

/** Counts one final verdict. @throws TypeError for `wait`, which is not final. */
export function count(accounting: Accounting, verdict: Verdict): void {
  switch (verdict.kind) {
    case 'accept':
      accounting.accepted++;
      if (verdict.flags.length > 0) accounting.flagged++;
      for (const code of verdict.flags) countRule(accounting, code);
      break;
    case 'repair':
      accounting.repaired++;
      for (const code of verdict.flags) countRule(accounting, code);
      break;
    case 'skip':
      accounting.skipped++;
      countRule(accounting, verdict.rule);
      break;
    case 'reject':
      accounting.deadLettered++;
      for (const code of new Set(verdict.reasons.map((reason) => reason.code))) countRule(accounting, code);
      break;
    case 'wait':
      throw new TypeError('a record that waits has no outcome to count');
  }
  accounting.input++;
}

/** Counts records of the input that an operator's command leaves out. */
export function countPassedOver(accounting: Accounting, records: number): void {
  accounting.passedOver += records;
  accounting.input += records;
}

/** The sum over several partitions. */
export function sumOf(accounts: Iterable<Accounting>): Accounting {
  const sum = emptyAccounting();
  for (const account of accounts) {
    sum.input += account.input;
    sum.flagged += account.flagged;
    for (const outcome of OUTCOMES) sum[outcome] += account[outcome];
    for (const code of RULE_CODES) {
      const times = account.rules[code];
      if (times !== undefined) sum.rules[code] = (sum.rules[code] ?? 0) + times;
    }
  }
  return sum;
}
