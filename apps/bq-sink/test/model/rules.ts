import type { StepList } from '../../../../test/model-checking/model';
import type { SinkStep } from '../../src/streams/fault-points';
import type { Bounds } from './bounds';
import type { Log } from './log';
import type { State } from './state';

/** Deliberate faults of the protocol; each is told in breaks.ts. */
export type BreakName =
  | 'noFinalize'
  | 'commitBeforeAck'
  | 'plainCommits'
  | 'namedAtOldPosition'
  | 'skipsAllRows'
  | 'renumbersInFlight'
  | 'exclusionsLate'
  | 'maxOnly'
  | 'recoveryDropsExclusions'
  | 'fallbackDropsExclusions'
  | 'oneBatchExclusions'
  | 'steadyDropsExclusions'
  | 'keepsBlindly'
  | 'keepsAfterErrors'
  | 'maxCountsReplays'
  | 'maxWithoutWait'
  | 'readsBeforeFence'
  | 'endingDropsExclusions'
  | 'perInstanceIds'
  | 'endBeforeFinalize'
  | 'endBeforeMax'
  | 'takesLateAnswers'
  | 'stopsThoughFenced';

/** What the steps go by. */
export interface Rules {
  readonly bounds: Bounds;
  /** As it is now. */
  readonly log: Log;
  /** undefined: the protocol as it is. */
  readonly broken: BreakName | undefined;
}

/**
 * A transition by its name: the code's own, and those that the code does not make but bears. `log-end-read` is a call of
 * the code's recovery that ends in no fault point: killed behind it is killed before it.
 */
export type Transition =
  | SinkStep
  | 'closed'
  | 'crashed'
  | 'late-answer'
  | 'late-append'
  | 'log-end-read'
  | 'produced'
  | 'pruned'
  | 'recovered-in-place'
  | 'rejected'
  | 'replayed'
  | 'stream-vanished';

export type SinkSteps = StepList<State, Transition>;

/** A process in a state, and where its steps are collected. */
export interface Turn<P> {
  readonly rules: Rules;
  readonly state: State;
  /** Index of the process. */
  readonly i: number;
  readonly process: P;
  readonly steps: SinkSteps;
}

const PROCESSES = ['A', 'B'];

export const nameOf = (i: number): string => PROCESSES[i] as string;
