import { type Accounts } from '@orderstream/ledger';
import { isAsExpected } from './breaks';
import { isSuiteGreen, type SuiteResult } from './results';
import { isGreen, noVerdict, type Verdict } from './verdict';

const nothing = noVerdict('').accounts;

function verdict(changes: Partial<Verdict> = {}, accounts: Partial<Accounts> = {}): Verdict {
  return { ...noVerdict(''), stalled: undefined, ...changes, accounts: { ...nothing, ...RIGHT, ...accounts } };
}

/** 100 records, all of them accepted. */
const RIGHT = { generated: 100, accepted: 100 };
const STALLED = { stalled: 'nothing moved for 60 s' };

describe('a verdict', () => {
  it('is green where everything is as it should be', () => {
    expect(isGreen(verdict())).toBe(true);
  });

  it.each<readonly [string, Verdict]>([
    ['nothing was compared', verdict({}, { generated: 0, accepted: 0 })],
    ['it stood still', verdict(STALLED)],
    ['rows were rejected by nobody', verdict({ wronglyRejected: 1 })],
    ['the raw topics hold what nobody sent', verdict({ sentByNobody: 1 })],
    ['the counters say something else', verdict({ counterDifferences: ['the validator counted 99 accepted'] })],
    ['something is missing', verdict({}, { missing: 1 })],
    ['it did not come to one', noVerdict('the broker is gone')],
  ])('is red where %s', (_why, red) => {
    expect(isGreen(red)).toBe(false);
  });
});

describe('the suite', () => {
  const result: SuiteResult = { planned: 100, rounds: [], whole: verdict(), seconds: 1 };

  it('is green only over as many records as were planned', () => {
    expect(isSuiteGreen(result)).toBe(true);
    expect(isSuiteGreen({ ...result, planned: 101 })).toBe(false);
  });
});

describe('a trial of the suite', () => {
  it.each<readonly [string, boolean, Parameters<typeof isAsExpected>[0]]>([
    ['the whole protocol is green', true, { symptoms: [], verdict: verdict() }],
    ['the whole protocol stands still', false, { symptoms: [], verdict: verdict(STALLED) }],
    ['a broken one doubles', true, { symptoms: ['duplicated'], verdict: verdict({}, { duplicated: 1 }) }],
    [
      'a broken one passes over',
      true,
      { symptoms: ['missingBelowCommit'], verdict: verdict(STALLED, { missingBelowCommit: 1 }) },
    ],
    ['a broken one stays green', false, { symptoms: ['duplicated'], verdict: verdict() }],
    [
      'a broken one only stands still',
      false,
      { symptoms: ['missingBelowCommit'], verdict: verdict(STALLED, { missing: 9 }) },
    ],
    [
      'a broken one does something else',
      false,
      { symptoms: ['duplicated'], verdict: verdict({}, { missingBelowCommit: 1 }) },
    ],
  ])('%s: as expected %s', (_what, expected, trial) => {
    expect(isAsExpected(trial)).toBe(expected);
  });
});
