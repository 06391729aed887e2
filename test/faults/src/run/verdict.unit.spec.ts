import { type Accounts } from '@orderstream/ledger';

import { FAULTS } from '../faults/catalogue';
import { type InjectedFault, isSuiteGreen, type Round, type SuiteResult } from './results';
import { isGreen, noVerdict, type Verdict } from './verdict';

/** 100 records, all of them accepted. */
const COMPLETE = { generated: 100, accepted: 100 };

const verdict = (changes: Partial<Verdict> = {}, accounts: Partial<Accounts> = {}): Verdict => {
  const none = noVerdict('');
  return { ...none, stalled: undefined, ...changes, accounts: { ...none.accounts, ...COMPLETE, ...accounts } };
};

describe('a verdict', () => {
  it('is green where every record is where it must be', () => {
    expect(isGreen(verdict())).toBe(true);
  });

  it('is green where the Write API has rejected rows and Pub/Sub has redelivered messages', () => {
    expect(isGreen(verdict({ lostByPubSub: 1 }, { rejected: 1, redelivered: 1, planted: 1, foreign: 1 }))).toBe(true);
  });

  it.each<readonly [string, Verdict]>([
    ['nothing was compared', verdict({}, { generated: 0, accepted: 0 })],
    ['the pipeline has stalled', verdict({ stalled: 'nothing moved for 60 s' })],
    ['the sink has dead-lettered records without a rejection', verdict({ wronglyRejected: 1 })],
    ['the raw topics hold records of unknown origin', verdict({ ofUnknownOrigin: 1 })],
    ['the counters differ', verdict({ counterDifferences: ['the validator counted 99 accepted'] })],
    ['a record has no verdict', verdict({}, { accepted: 99 })],
    ['a record is lost', verdict({}, { missing: 1 })],
    ['a record is doubled', verdict({}, { duplicated: 1 })],
    ['a record is out of order', verdict({}, { outOfOrder: 1 })],
    ['an output is unexplained', verdict({}, { unexplained: 1 })],
    ['a verdict is wrong', verdict({}, { wrongVerdicts: 1 })],
    ['there was no comparison', noVerdict('the broker is gone')],
  ])('is red where %s', (_why, red) => {
    expect(isGreen(red)).toBe(false);
  });
});

describe('the suite', () => {
  const [fault] = FAULTS;
  if (fault === undefined) throw new Error('there are no faults');
  const injected: InjectedFault = { fault, outcome: {}, isPaired: false, seconds: 1, recoveries: [], failures: [] };
  const round: Round = {
    injected: [injected],
    seconds: 1,
    pausedSeconds: 0,
    maxLag: 0,
    verdict: verdict(),
    isAborted: false,
  };
  const result: SuiteResult = { planned: 100, rounds: [round], whole: verdict(), seconds: 1 };

  it('is green where every verdict is green and no fault has failed', () => {
    expect(isSuiteGreen(result)).toBe(true);
  });

  it.each<readonly [string, Partial<SuiteResult>]>([
    ['fewer records were compared than planned', { planned: 101 }],
    ['the whole is red', { whole: verdict({}, { missing: 1 }) }],
    ['a round is red', { rounds: [round, { ...round, verdict: verdict({}, { duplicated: 1 }) }] }],
    [
      'a fault has failed',
      { rounds: [{ ...round, injected: [injected, { ...injected, failures: ['not injected'] }] }] },
    ],
  ])('is red where %s', (_why, changes) => {
    expect(isSuiteGreen({ ...result, ...changes })).toBe(false);
  });
});
