import { Fingerprint, StateIndex } from './fingerprint';
import { firstTrap, IntList } from './livelock';
import type { Model, Step } from './model';

/** The violation of a livelock. */
export const NO_END = 'no end can be reached any more';

/** A step of a trace, as text. */
export interface TracedStep {
  readonly actor: string;
  readonly name: string;
  readonly detail: string;
}

export interface Exploration {
  /** Number of distinct states. */
  readonly states: number;
  /** Number of steps between them. */
  readonly steps: number;
  /** Number of states without a next step. */
  readonly ends: number;
  /** Steps from the start to the state that is farthest from it. */
  readonly depth: number;
  /** What is wrong with the protocol; undefined if every state within the bounds is correct and can reach an end. */
  readonly violation: string | undefined;
  /** A shortest path from the start to the violation. Empty without a violation. */
  readonly trace: readonly TracedStep[];
}

/** The model has more states than `maxStates`. The exploration proves nothing. */
export class TooManyStatesError extends Error {}

/**
 * Takes every step from every reachable state, breadth first, so that the first trace to a violation is a shortest one. A
 * violation is a forbidden step, a state without steps in which something is missing, or a livelock: a state from which
 * no end can be reached.
 *
 * A state is identified by a fingerprint of 53 bits. A collision can hide a state; it cannot report a false violation.
 *
 * @throws TooManyStatesError
 */
export function explore<S>(model: Model<S>, { maxStates }: { readonly maxStates: number }): Exploration {
  const fingerprintOf = canonicalFingerprint(model);
  const index = new StateIndex();
  const parents = new IntList();
  const choices = new IntList();
  const ends = new IntList();
  const edgesFrom = new IntList();
  const edgesTo = new IntList();

  const start = model.start();
  index.numberOf(fingerprintOf(start));
  parents.push(-1);
  choices.push(0);
  let frontier: { readonly number: number; readonly state: S }[] = [{ number: 0, state: start }];
  let depth = 0;

  const result = (violation?: string, path: readonly number[] = []): Exploration => {
    const trace = traceOf(model, path);
    return { states: index.size, steps: edgesTo.length, ends: ends.length, depth, violation, trace };
  };
  const pathTo = (state: number): number[] => {
    const path: number[] = [];
    for (let at = state; at > 0; at = parents.at(at)) path.unshift(choices.at(at));
    return path;
  };

  while (frontier.length > 0) {
    const next: typeof frontier = [];
    for (const { number, state } of frontier) {
      const steps = model.steps(state);
      if (steps.length === 0) {
        ends.push(number);
        const wrong = model.wrongAtRest(state);
        if (wrong !== undefined) return result(wrong, pathTo(number));
      }
      for (let choice = 0; choice < steps.length; choice++) {
        const { to, violation } = steps[choice] as Step<S>;
        if (violation !== undefined) return result(violation, [...pathTo(number), choice]);
        const known = index.numberOf(fingerprintOf(to));
        if (known === parents.length) {
          parents.push(number);
          choices.push(choice);
          next.push({ number: known, state: to });
        }
        edgesFrom.push(number);
        edgesTo.push(known);
      }
      if (index.size > maxStates) throw new TooManyStatesError(`more than ${String(maxStates)} states`);
    }
    if (next.length > 0) depth++;
    frontier = next;
  }
  const trap = firstTrap(index.size, edgesFrom, edgesTo, ends);
  return trap === undefined ? result() : result(NO_END, pathTo(trap));
}

/** A trace as text, one line per step. */
export function formatTrace(trace: readonly TracedStep[]): string {
  return trace
    .map(
      ({ actor, name, detail }, index) => `${String(index + 1)}. ${actor} ${name}${detail === '' ? '' : `: ${detail}`}`,
    )
    .join('\n');
}

/** The smallest fingerprint over all symmetries: equal for states that differ only by names. */
function canonicalFingerprint<S>(model: Model<S>): (state: S) => number {
  const out = new Fingerprint();
  return (state) => {
    let smallest = -1;
    for (let symmetry = 0; symmetry < model.symmetries; symmetry++) {
      out.reset();
      model.encode(state, symmetry, out);
      const value = out.value();
      if (smallest === -1 || value < smallest) smallest = value;
    }
    return smallest;
  };
}

/** Takes the steps of a path again, from the start. */
function traceOf<S>(model: Model<S>, path: readonly number[]): readonly TracedStep[] {
  let state = model.start();
  return path.map((choice) => {
    const { actor, name, detail, to } = model.steps(state)[choice] as Step<S>;
    state = to;
    return { actor, name, detail: detail() };
  });
}
