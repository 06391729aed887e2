import { type Bounds, bounds, type BreakName } from './bounds';

export interface Break {
  /** What the broken loop does. */
  readonly text: string;
  /** The smallest bounds within which it violates the protocol. */
  readonly bounds: Bounds;
  readonly violation: string;
  /** Steps of the shortest trace. */
  readonly length: number;
}

const none = { crashes: 0, reassignments: 0, lostAnswers: 0 };
/** Found at the end of the input: no later record is evaluated with this memory. */
const WRONG_MEMORY = 'the memory at the end does not follow from the outcomes';
const WRONG_STATE = 'record 0 is rejected by the state of another offset';
const TWO_OUTCOMES = 'record 0 has two outcomes';

/** Deliberate faults. Each leaves out one sentence of the protocol, and must lose, double or misevaluate a record. */
export const BREAKS: Readonly<Record<BreakName, Break>> = {
  readsBeforeFence: {
    text: 'reads the committed offset before it fences the older owner',
    bounds: bounds({ ...none, input: 'x', reassignments: 1 }),
    violation: TWO_OUTCOMES,
    length: 12,
  },
  restoresUncommitted: {
    text: 'restores the state with the records of aborted transactions',
    bounds: bounds({ ...none, input: '1', crashes: 1 }),
    violation: WRONG_STATE,
    length: 10,
  },
  restoresUntilEarlyEnd: {
    text: 'restores the state up to the end that it saw before it fenced the older owner',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1 }),
    violation: WRONG_MEMORY,
    length: 10,
  },
  foldsBeforeOutcome: {
    text: 'folds the changes of a batch into the state before the outcome of its commit is known',
    bounds: bounds({ ...none, input: '1', lostAnswers: 1 }),
    violation: WRONG_STATE,
    length: 10,
  },
  forgetsOverlay: {
    text: 'discards the changes of a batch of unknown outcome although it was committed',
    bounds: bounds({ ...none, input: 'xx', lostAnswers: 1 }),
    violation: WRONG_MEMORY,
    length: 8,
  },
  settlesByOffset: {
    text: 'settles an unknown outcome by the offset alone, without the token of the commit',
    bounds: bounds({ ...none, input: '?2', reassignments: 2 }),
    violation: WRONG_MEMORY,
    length: 12,
  },
  settlesBlindly: {
    text: 'goes on with the state in memory when the partition comes back, whatever was committed meanwhile',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1, crashes: 1 }),
    violation: WRONG_MEMORY,
    length: 12,
  },
  perInstanceIds: {
    text: 'has a transactional id for each instance, which fences no other instance',
    bounds: bounds({ ...none, input: 'x', reassignments: 1 }),
    violation: TWO_OUTCOMES,
    length: 10,
  },
  offsetsOutside: {
    text: 'commits the offset after the transaction',
    bounds: bounds({ ...none, input: 'x', crashes: 1 }),
    violation: TWO_OUTCOMES,
    length: 11,
  },
  stateOutside: {
    text: 'writes the state changes before the transaction',
    bounds: bounds({ ...none, input: '1', crashes: 1 }),
    violation: WRONG_STATE,
    length: 10,
  },
  eventsNotRebuilt: {
    text: 'does not restore the event ids',
    bounds: bounds({ ...none, input: 'aa', crashes: 1 }),
    violation: WRONG_MEMORY,
    length: 9,
  },
  takesLateAnswers: {
    text: 'accepts the late answer to a commit whose outcome was settled meanwhile',
    bounds: bounds({ ...none, input: 'a', lostAnswers: 1, lateAnswers: 1 }),
    violation: WRONG_MEMORY,
    length: 9,
  },
  stopsThoughFenced: {
    text: 'stops the partition because of a state of another offset, although a new owner has fenced it and committed',
    bounds: bounds({ ...none, input: 'xx', reassignments: 1 }),
    violation: 'stops: the state is of another offset',
    length: 10,
  },
};
