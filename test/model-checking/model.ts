import type { Fingerprint } from './fingerprint';

/** A step does what the protocol forbids. */
export class ProtocolViolation extends Error {}

/** One atomic step from a state. */
export interface Step<S> {
  /** Who takes it: a process, a server, an operator. */
  readonly actor: string;
  /** The transition; the code's own name for it where the code has one. */
  readonly name: string;
  /** The rest of the step's description. Evaluated only for a trace. */
  readonly detail: () => string;
  readonly to: S;
  /** Why the step is forbidden; undefined if it is allowed. */
  readonly violation: string | undefined;
}

/**
 * A protocol as states and atomic steps. Everything that can happen next is a step: what processes do, what servers
 * answer, what gets lost, which process is killed. A paused process is one whose steps are not taken. The state includes
 * a budget for each fault, so that the number of states is finite.
 */
export interface Model<S> {
  start(): S;
  /** The same steps in the same order for the same state. A state has none only when all work is done. */
  steps(state: S): readonly Step<S>[];
  /** What is wrong with a state that has no steps; undefined if nothing is. */
  wrongAtRest(state: S): string | undefined;
  /** Number of ways to rename interchangeable actors (two equal processes: 2). */
  readonly symmetries: number;
  /** Writes the state as renamed in way `symmetry`, without anything that affects no later step. */
  encode(state: S, symmetry: number, out: Fingerprint): void;
}

/** Collects the steps from a state. N are the names of the steps. A step that throws ProtocolViolation is forbidden. */
export class StepList<S, N extends string = string> {
  readonly steps: Step<S>[] = [];

  constructor(
    private readonly from: S,
    /** Brings the state after a step to a normal form. */
    private readonly tidy: (state: S) => S,
  ) {}

  add(actor: string, name: N, detail: () => string, change: () => S): void {
    try {
      this.steps.push({ actor, name, detail, to: this.tidy(change()), violation: undefined });
    } catch (error) {
      if (!(error instanceof ProtocolViolation)) throw error;
      this.steps.push({ actor, name, detail, to: this.from, violation: error.message });
    }
  }
}
