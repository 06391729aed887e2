import { type Accounts } from '@orderstream/ledger';

import { UsageError } from '../../../../dev/src';
import { SINK_BREAKS } from '../instrumented/sink-breaks';
import { FAULT_SEQUENCES } from './break-sequences';
import { chooseBreaks, isAsExpected } from './break-trials';
import { noVerdict, type Verdict } from './verdict';

const verdict = (accounts: Partial<Accounts>, stalled?: string): Verdict => {
  const none = noVerdict('');
  return { ...none, stalled, accounts: { ...none.accounts, generated: 100, accepted: 100, ...accounts } };
};
const STALLED = 'nothing moved for 60 s';

describe('a trial', () => {
  it.each<readonly [string, boolean, Parameters<typeof isAsExpected>[0]]>([
    ['the whole protocol is green', true, { symptoms: [], verdict: verdict({}) }],
    ['the whole protocol stalls', false, { symptoms: [], verdict: verdict({}, STALLED) }],
    ['a break doubles records', true, { symptoms: ['duplicated'], verdict: verdict({ duplicated: 1 }) }],
    [
      'a break loses records below the commit and stalls',
      true,
      { symptoms: ['missingBelowCommit'], verdict: verdict({ missingBelowCommit: 1 }, STALLED) },
    ],
    ['a break stays green', false, { symptoms: ['duplicated'], verdict: verdict({}) }],
    ['a break only stalls', false, { symptoms: ['missingBelowCommit'], verdict: verdict({ missing: 9 }, STALLED) }],
    ['a break has another symptom', false, { symptoms: ['duplicated'], verdict: verdict({ missingBelowCommit: 1 }) }],
  ])('%s: as expected %s', (_what, expected, trial) => {
    expect(isAsExpected(trial)).toBe(expected);
  });
});

describe('chooseBreaks', () => {
  it('chooses all breaks, or those with the names', () => {
    expect(chooseBreaks([])).toEqual(Object.keys(SINK_BREAKS));
    expect(chooseBreaks(['skip-finalize'])).toEqual(['skip-finalize']);
  });

  it('rejects a name that no break has', () => {
    expect(() => chooseBreaks(['skip-finalize', 'skip-finalise'])).toThrow(UsageError);
  });

  it('has a sequence of faults, with symptoms, for each break', () => {
    const symptoms = FAULT_SEQUENCES.flatMap(({ breaks }) => Object.entries(breaks));
    expect(symptoms.map(([name]) => name).sort()).toEqual(Object.keys(SINK_BREAKS).sort());
    expect(symptoms.filter(([, expected]) => expected.length === 0)).toEqual([]);
  });
});
