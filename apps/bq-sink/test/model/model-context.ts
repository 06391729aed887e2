import type { StepList } from '../../../../test/model-checking/model';
import type { SinkStep } from '../../src/streams/fault-points';
import type { Bounds } from './bounds';
import type { Log } from './log';
import type { State } from './state';

/** Rules of the protocol that can be left out; breaks.ts describes each. */
export type BreakName =
  | 'skipsFinalize'
  | 'commitsBeforeAck'
  | 'nonTransactionalCommits'
  | 'assignsAtOldPosition'
  | 'skipsAllRows'
  | 'renumbersInFlight'
  | 'sendsBehindRejected'
  | 'deadLettersEarly'
  | 'fallbackIgnoresPosition'
  | 'fallbackCountsSourceOffsets'
  | 'reusesStreamUnchecked'
  | 'reusesStreamAfterErrors'
  | 'fallbackWithoutWait'
  | 'believesNotFound'
  | 'readsBeforeFence'
  | 'perInstanceTransactionalIds'
  | 'readsLogEndBeforeFinalize'
  | 'readsLogEndBeforeQuery'
  | 'acceptsLateAnswers'
  | 'stopsAlthoughFenced';

/** The variant of the protocol that is explored. */
export interface Rules {
  readonly bounds: Bounds;
  /** The log up to its end in the current state. */
  readonly log: Log;
  /** The rule that is left out; undefined for the complete protocol. */
  readonly broken: BreakName | undefined;
}

/**
 * The name of a transition: a step of the code (SinkStep), or an event outside it. `log-end-read` is a call of the code's
 * recovery without a fault point, because a kill after it has the same effect as a kill before it.
 */
export type Transition =
  | SinkStep
  | 'closed'
  | 'crashed'
  | 'late-answer'
  | 'orphaned-append'
  | 'log-end-read'
  | 'produced'
  | 'recovered-in-place'
  | 'replayed'
  | 'stream-expired';

export type SinkSteps = StepList<State, Transition>;

/** A process in a state, and the list of its next steps. */
export interface StepContext<P> {
  readonly rules: Rules;
  readonly state: State;
  /** Index of the process. */
  readonly i: number;
  readonly process: P;
  readonly steps: SinkSteps;
}

const PROCESSES = ['A', 'B'];

export const nameOf = (i: number): string => PROCESSES[i] as string;
