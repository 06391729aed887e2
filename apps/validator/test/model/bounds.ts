/** Deliberate faults of the loop, described in breaks.ts. */
export type BreakName =
  | 'readsBeforeFence'
  | 'restoresUncommitted'
  | 'restoresUntilEarlyEnd'
  | 'foldsBeforeOutcome'
  | 'forgetsOverlay'
  | 'settlesByOffset'
  | 'settlesBlindly'
  | 'perInstanceIds'
  | 'offsetsOutside'
  | 'stateOutside'
  | 'eventsNotRebuilt'
  | 'takesLateAnswers'
  | 'stopsThoughFenced';

/** How far the model is explored: the input, and the number of faults. */
export interface Bounds {
  /** The input partition, one letter for each record; see evaluation.ts. */
  readonly input: string;
  /** Most records in a batch. */
  readonly maxBatch: number;
  /** Kills of a process. */
  readonly crashes: number;
  /** Re-assignments of the partition while its owner lives. */
  readonly reassignments: number;
  /** Commits of which the process gets no answer in time, or does not wait for it. */
  readonly lostAnswers: number;
  /** How many of these answers arrive after the process has stopped waiting. */
  readonly lateAnswers: number;
}

/** What the steps depend on. */
export interface Rules {
  readonly bounds: Bounds;
  /** Undefined: the loop without a fault. */
  readonly broken: BreakName | undefined;
}

const DEFAULTS: Bounds = {
  input: '12a2a',
  maxBatch: 2,
  crashes: 1,
  reassignments: 1,
  lostAnswers: 1,
  lateAnswers: 0,
};

/** By default an order is placed and paid, with a redelivery and a rejection; one kill, re-assignment, lost answer. */
export const bounds = (changes: Partial<Bounds>): Bounds => ({ ...DEFAULTS, ...changes });
