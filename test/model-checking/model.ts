import type { Fingerprint } from './fingerprint';

/** What must never happen has happened in a step. */
export class ProtocolViolation extends Error {}

/** One atomic step from a state. */
export interface Step<S> {
  /** Who takes it: a process, a server, an operator. */
  readonly actor: string;
  /** The transition; the code's own name for it where the code has one. */
  readonly name: string;
  /** What else there is to say. Asked for only when a trace is told. */
  readonly detail: () => string;
  readonly to: S;
  /** Why the step is wrong; undefined if it is not. */
  readonly violation: string | undefined;
}

/**
 * A protocol as states and atomic steps. Everything that can happen next is a step: what processes do, what servers
 * answer, what gets lost, who is killed. A process that is paused is one whose steps are not taken. Budgets for faults are
 * part of the state, so that there are finitely many.
 */
export interface Model<S> {
  start(): S;
  /** Always the same steps in the same order for the same state. A state has none only when all is done. */
  steps(state: S): readonly Step<S>[];
  /** What is wrong with a state that has no steps; undefined if nothing is. */
  wrongAtRest(state: S): string | undefined;
  /** Number of ways to rename what is interchangeable (two equal processes: 2). */
  readonly symmetries: number;
  /** Writes the state as renamed in way `symmetry`, without what makes no difference to any later step. */
  encode(state: S, symmetry: number, out: Fingerprint): void;
}

/**
 * Collects the steps from a state; N are the names that they may have. A step that throws ProtocolViolation is one that
 * must not be possible.
 */
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
