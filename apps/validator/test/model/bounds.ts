/** Deliberate faults of the loop; each is told in breaks.ts. */
export type BreakName =
  | 'readsBeforeFence'
  | 'restoresUncommitted'
  | 'restoresUntilEarlyEnd'
  | 'foldsBeforeOutcome'
  | 'forgetsOverlay'
  | 'settlesByOffset'
  | 'keepsBlindly'
  | 'perInstanceIds'
  | 'offsetsOutside'
  | 'stateOutside'
  | 'eventsNotRebuilt'
  | 'takesLateAnswers'
  | 'stopsThoughFenced';

/** How far the model is explored: what the input holds, and how many faults happen. */
export interface Bounds {
  /** The input partition, a letter for each record; as in evaluating.ts. */
  readonly input: string;
  /** Records in a batch at most. */
  readonly maxBatch: number;
  /** Kills. */
  readonly crashes: number;
  /** Times that the partition is given away although its owner lives. */
  readonly reassignments: number;
  /** Times that the outcome of a commit is not heard of in time, or not waited for. */
  readonly lostAnswers: number;
  /** So many of these answers come nonetheless, when nobody waits for them any more. */
  readonly lateAnswers: number;
}

/** What the steps go by. */
export interface Rules {
  readonly bounds: Bounds;
  /** undefined: the loop as it is. */
  readonly broken: BreakName | undefined;
}

const NORMAL: Bounds = {
  input: '12a2a',
  maxBatch: 2,
  crashes: 1,
  reassignments: 1,
  lostAnswers: 1,
  lateAnswers: 0,
};

/** An order's life, a redelivery and a reject; one kill, one re-assignment and one lost answer; but for what is said otherwise. */
export const bounds = (different: Partial<Bounds>): Bounds => ({ ...NORMAL, ...different });
