import { RULE_CODES } from '@orderstream/contracts';
import { type Findings, isPerfect, renderScore, Score } from '../index';

const accepted: Findings = { outcome: 'accept', rules: [] };
const late: Findings = { outcome: 'accept', rules: ['time.too_late'] };
const drift: Findings = { outcome: 'repair', rules: ['drift.vendor'] };
const future: Findings = { outcome: 'reject:time.in_future', rules: ['time.in_future', 'duplicate.order'] };
const skipped: Findings = { outcome: 'skip', rules: ['duplicate.event'] };
const counters = (counts: Partial<Record<'accepted' | 'repaired' | 'skipped' | 'deadLettered', number>>) => {
  const all = { accepted: 0, repaired: 0, skipped: 0, deadLettered: 0, passedOver: 0, flagged: 0, ...counts };
  return { ...all, input: all.accepted + all.repaired + all.skipped + all.deadLettered };
};
const scoreOf = (...pairs: readonly [Findings, Findings | undefined][]): Score => {
  const score = new Score();
  for (const [expected, got] of pairs) score.add(expected, got);
  return score;
};

describe('the score', () => {
  it('is perfect if every record gets what is expected, and every sum agrees', () => {
    const score = scoreOf([accepted, accepted], [late, late], [drift, drift], [future, future], [skipped, skipped]);
    const report = score.report(4, counters({ accepted: 2, repaired: 1, skipped: 1, deadLettered: 1 }));
    expect(isPerfect(report)).toBe(true);
    expect(report.rules.map(({ code }) => code)).toEqual(RULE_CODES);
    expect(report.rules.find(({ code }) => code === 'duplicate.order')).toEqual({
      code: 'duplicate.order',
      injected: 1,
      found: 1,
      missed: 0,
      falseAlarms: 0,
      precision: 1,
      recall: 1,
    });
    expect(report.rules.find(({ code }) => code === 'drift.product')).toMatchObject({ precision: null, recall: null });
    expect(report.accounting.results).toEqual({ accepted: 2, repaired: 1, skipped: 1, deadLettered: 1, missing: 0 });
  });

  it('counts what is missed and what fires without a cause, by rule', () => {
    const score = scoreOf([drift, drift], [drift, accepted], [drift, accepted], [accepted, drift], [future, { outcome: 'reject:time.in_future', rules: ['time.in_future'] }]); // prettier-ignore
    const report = score.report(5, counters({ accepted: 2, repaired: 2, deadLettered: 1 }));
    expect(isPerfect(report)).toBe(false);
    expect(report.accounting).toMatchObject({ addsUp: true, unexpected: 3 });
    const [vendor] = report.rules.filter(({ code }) => code === 'drift.vendor');
    expect(vendor).toMatchObject({ injected: 3, found: 1, missed: 2, falseAlarms: 1, precision: 0.5, recall: 1 / 3 });
    expect(report.rules.find(({ code }) => code === 'duplicate.order')).toMatchObject({ injected: 1, missed: 1 });
    expect(renderScore(report)).toMatch(/drift\.vendor +3 +1 +2 +1 +0\.5000 +0\.3333\n/);
  });

  it.each<[string, Findings | undefined, ReturnType<typeof counters>]>([
    ['a record without a result', undefined, counters({ accepted: 1 })],
    ['a record that the validator did not count', accepted, counters({})],
    ['a record that it counted twice', accepted, counters({ accepted: 2 })],
    ['a record that it counted otherwise', accepted, counters({ skipped: 1 })],
    ['records that an operator left out', accepted, { ...counters({ accepted: 1 }), passedOver: 1, input: 2 }],
    ['a sum that is not the input', accepted, { ...counters({ accepted: 1 }), input: 2 }],
  ])('does not add up with %s', (_, got, counted) => {
    const report = scoreOf([accepted, got]).report(1, counted);
    expect(report.accounting.addsUp).toBe(false);
    expect(isPerfect(report)).toBe(false);
    expect(renderScore(report)).toContain('THE SUMS DIFFER');
  });

  it('never rounds up to 1', () => {
    const score = new Score();
    for (let count = 0; count < 99_999; count++) score.add(drift, drift);
    score.add(drift, accepted);
    const text = renderScore(score.report(100_000, counters({ accepted: 1, repaired: 99_999 })));
    expect(text).toMatch(/drift\.vendor +100000 +99999 +1 +0 +1 +0\.9999\n/);
  });
});
