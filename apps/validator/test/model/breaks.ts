import { type Bounds, bounds, type BreakName } from './bounds';

export interface Break {
  /** What is done otherwise. */
  readonly text: string;
  /** The smallest at which it shows. */
  readonly bounds: Bounds;
  readonly violation: string;
  /** Steps of the shortest trace. */
  readonly length: number;
}

const none = { crashes: 0, reassignments: 0, lostAnswers: 0 };
/** Found where the input ends: no record behind it is evaluated by it. */
const MEMORY = 'the memory at the end does not follow from the outcomes';

/** Deliberate faults. Each is one sentence of the protocol left out, and each must lose, double or misevaluate a record. */
export const BREAKS: Readonly<Record<BreakName, Break>> = {
  readsBeforeFence: {
    text: 'the committed position is read before the older owner is fenced',
    bounds: bounds({ ...none, input: 'x', reassignments: 1 }),
    violation: 'record 0 has two outcomes',
    length: 12,
  },
  restoresUncommitted: {
    text: 'the state is restored with what aborted transactions wrote',
    bounds: bounds({ ...none, input: '1', crashes: 1 }),
    violation: 'record 0 is rejected by a state that is not that of its offset',
    length: 10,
  },
  restoresUntilEarlyEnd: {
    text: 'the state is restored until the end seen before the older owner was fenced',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1 }),
    violation: MEMORY,
    length: 10,
  },
  foldsBeforeOutcome: {
    text: 'the changes of a batch go into the state before the outcome of its commit is known',
    bounds: bounds({ ...none, input: '1', lostAnswers: 1 }),
    violation: 'record 0 is rejected by a state that is not that of its offset',
    length: 10,
  },
  forgetsOverlay: {
    text: 'the changes of an undecided batch are dropped although it was committed',
    bounds: bounds({ ...none, input: 'xx', lostAnswers: 1 }),
    violation: MEMORY,
    length: 8,
  },
  settlesByOffset: {
    text: 'the offset alone says whether an undecided batch was committed, whoever committed it',
    bounds: bounds({ ...none, input: '?2', reassignments: 2 }),
    violation: MEMORY,
    length: 12,
  },
  keepsBlindly: {
    text: 'a partition that comes back goes on with the state in memory',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1, crashes: 1 }),
    violation: MEMORY,
    length: 12,
  },
  perInstanceIds: {
    text: 'transactional ids are the instances’, so that nobody is fenced',
    bounds: bounds({ ...none, input: 'x', reassignments: 1 }),
    violation: 'record 0 has two outcomes',
    length: 10,
  },
  offsetsOutside: {
    text: 'the position is committed after the transaction',
    bounds: bounds({ ...none, input: 'x', crashes: 1 }),
    violation: 'record 0 has two outcomes',
    length: 11,
  },
  stateOutside: {
    text: 'state changes are stored before the transaction',
    bounds: bounds({ ...none, input: '1', crashes: 1 }),
    violation: 'record 0 is rejected by a state that is not that of its offset',
    length: 10,
  },
  eventsNotRebuilt: {
    text: 'the memory of event ids is not rebuilt',
    bounds: bounds({ ...none, input: 'aa', crashes: 1 }),
    violation: MEMORY,
    length: 9,
  },
  takesLateAnswers: {
    text: 'the answer to a commit that was given up still counts, whatever was found out about it meanwhile',
    bounds: bounds({ ...none, input: 'a', lostAnswers: 1, lateAnswers: 1 }),
    violation: MEMORY,
    length: 9,
  },
  stopsThoughFenced: {
    text: 'the state of another position stops the partition, though a new owner has fenced this one and committed it',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1 }),
    violation: 'stops and asks: the state is that of another position',
    length: 10,
  },
};
