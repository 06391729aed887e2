import { Fingerprint, StateIndex } from './fingerprint';
import { firstTrap, IntList } from './livelock';
import type { Model, Step } from './model';

export const NO_END = 'no end can be reached any more';

/** A step of a trace, told. */
export interface TracedStep {
  readonly actor: string;
  readonly name: string;
  readonly detail: string;
}

export interface Exploration {
  /** Different states seen. */
  readonly states: number;
  /** Steps taken between them. */
  readonly steps: number;
  /** States at which all is done. */
  readonly ends: number;
  /** Steps from the start to the state that is farthest from it. */
  readonly depth: number;
  /** What is wrong with the protocol; undefined if every state within the bounds is well and can reach an end. */
  readonly violation: string | undefined;
  /** A shortest way from the start to the violation. Empty if there is none. */
  readonly trace: readonly TracedStep[];
}

/** There are more states than were expected: neither right nor wrong. */
export class TooManyStatesError extends Error {}

/**
 * Takes every step from every state that can be reached, breadth first, so that the first trace to a violation is a
 * shortest one. A violation is a forbidden step, a state at rest where something is missing, or a livelock: a state from
 * which no end can be reached.
 *
 * States are told apart by a fingerprint of 53 bits: a collision would hide a state, never report a false violation.
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

  const result = (violation?: string, trace: readonly TracedStep[] = []): Exploration => {
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
        if (wrong !== undefined) return result(wrong, tell(model, pathTo(number)));
      }
      for (let choice = 0; choice < steps.length; choice++) {
        const { to, violation } = steps[choice] as Step<S>;
        if (violation !== undefined) return result(violation, tell(model, [...pathTo(number), choice]));
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
  return trap === undefined ? result() : result(NO_END, tell(model, pathTo(trap)));
}

/** A trace as text, a line for each step. */
export function formatTrace(trace: readonly TracedStep[]): string {
  return trace
    .map(
      ({ actor, name, detail }, index) => `${String(index + 1)}. ${actor} ${name}${detail === '' ? '' : `: ${detail}`}`,
    )
    .join('\n');
}

/** Of all renamings of a state, the smallest fingerprint: the same for states that differ by names only. */
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

/** Goes the way again from the start, and tells it. */
function tell<S>(model: Model<S>, path: readonly number[]): readonly TracedStep[] {
  let state = model.start();
  return path.map((choice) => {
    const { actor, name, detail, to } = model.steps(state)[choice] as Step<S>;
    state = to;
    return { actor, name, detail: detail() };
  });
}
