import { RULE_CODES, type RuleCode } from '@orderstream/contracts';
import type { Verdict } from '../verdict';

/** What became of the records of one partition since its beginning. accepted + repaired + skipped + deadLettered = input. */
export interface Accounting {
  input: number;
  accepted: number;
  repaired: number;
  skipped: number;
  deadLettered: number;
  /** A mark on accepted records, not an outcome. */
  flagged: number;
  /** How often each rule decided on or marked a record. */
  readonly rules: Partial<Record<RuleCode, number>>;
}

export const OUTCOMES = ['accepted', 'repaired', 'skipped', 'deadLettered'] as const;

export const emptyAccounting = (): Accounting => ({
  input: 0,
  accepted: 0,
  repaired: 0,
  skipped: 0,
  deadLettered: 0,
  flagged: 0,
  rules: {},
});

export const copyOf = (accounting: Accounting): Accounting => ({ ...accounting, rules: { ...accounting.rules } });

const fired = (accounting: Accounting, code: RuleCode): void => {
  accounting.rules[code] = (accounting.rules[code] ?? 0) + 1;
};

/** Counts one final verdict. @throws TypeError for `wait`, which is none. */
export function count(accounting: Accounting, verdict: Verdict): void {
  switch (verdict.kind) {
    case 'accept':
      accounting.accepted++;
      if (verdict.flags.length > 0) accounting.flagged++;
      for (const code of verdict.flags) fired(accounting, code);
      break;
    case 'repair':
      accounting.repaired++;
      for (const code of verdict.flags) fired(accounting, code);
      break;
    case 'skip':
      accounting.skipped++;
      fired(accounting, verdict.rule);
      break;
    case 'reject':
      accounting.deadLettered++;
      for (const code of new Set(verdict.reasons.map((reason) => reason.code))) fired(accounting, code);
      break;
    case 'wait':
      throw new TypeError('a record that waits is not accounted for yet');
  }
  accounting.input++;
}

/** The sum of several partitions' accounts. */
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
