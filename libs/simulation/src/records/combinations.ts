import { RULE_CODES, type RuleCode } from '@orderstream/contracts';

/** The rules that no record can break: what they report is a defect of the program. */
export const NOT_INJECTED: readonly RuleCode[] = ['internal.rule_failed'];

export const INJECTED_RULES: readonly RuleCode[] = RULE_CODES.filter((code) => !NOT_INJECTED.includes(code));

/**
 * The rules that one record can break together, so that all of them are among its reasons. Not in here: a body that cannot
 * be read, or is too large to be read, breaks no other rule of the body; a record that breaks its contract is not evaluated
 * further; references are not looked up for a record that is rejected before; and a rejected record is not repaired.
 */
const TOGETHER: readonly (readonly [RuleCode, readonly RuleCode[]])[] = [
  ['structure.malformed_json', ['structure.key_mismatch', 'structure.envelope_mismatch']],
  ['structure.unknown_type', ['structure.key_mismatch', 'structure.envelope_mismatch']],
  ['structure.invalid_field', ['structure.key_mismatch', 'structure.envelope_mismatch']],
  ['structure.too_large', ['structure.key_mismatch', 'structure.envelope_mismatch']],
  ['structure.key_mismatch', ['structure.envelope_mismatch']],
  [
    'time.in_future',
    ['time.before_registration', 'duplicate.order', 'lifecycle.illegal_transition', 'lifecycle.unknown_order'],
  ],
  ['time.before_registration', ['lifecycle.illegal_transition']],
  ['duplicate.order', ['lifecycle.illegal_transition']],
  ['reference.unknown_vendor', ['reference.unknown_product', 'lifecycle.illegal_transition']],
  ['reference.unknown_product', ['lifecycle.illegal_transition']],
  ['drift.vendor', ['drift.product', 'drift.customer']],
  ['drift.product', ['drift.customer']],
];

const PAIRS: ReadonlySet<string> = new Set(
  TOGETHER.flatMap(([code, others]) => others.flatMap((other) => [`${code} ${other}`, `${other} ${code}`])),
);

/** The first two rules that one record cannot break together. */
export function conflictOf(codes: readonly RuleCode[]): readonly [RuleCode, RuleCode] | undefined {
  for (const [index, code] of codes.entries()) {
    const other = codes.slice(index + 1).find((later) => !PAIRS.has(`${code} ${later}`));
    if (other !== undefined) return [code, other];
  }
  return undefined;
}
