import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import { type Model, type Step, StepList } from '../../../../test/model-checking/model';
import type { Bounds, BreakName, Rules } from './bounds';
import { isSame, NOTHING } from './evaluation';
import { expectedMemory } from './kafka';
import { coordinatorSteps, processSteps, release, type Transition } from './loop';
import { encodeState, initialState, type State } from './state';

/**
 * The validator's consume-transform-produce loop with its state topic: one input partition, two processes, Kafka. Every
 * remote call is one atomic step. A transition has the name of the code's fault point, if there is one.
 *
 * Assumptions: readers of committed records see all of a transaction or nothing; opening a producer returns after the
 * transactions of older ones have ended; the input is complete from the start.
 */
export class ValidatorLoop implements Model<State> {
  readonly symmetries = 2;
  private readonly rules: Rules;

  constructor(bounds: Bounds, broken?: BreakName) {
    this.rules = { bounds, broken };
  }

  start(): State {
    return initialState(this.rules.bounds);
  }

  steps(state: State): readonly Step<State>[] {
    const { rules } = this;
    const steps = new StepList<State, Transition>(state, tidy);
    state.processes.forEach((process, i) => {
      processSteps({ rules, state, i, process, steps });
    });
    coordinatorSteps(rules, state, steps);
    return steps.steps;
  }

  /**
   * An owner must have reached the end of the input, with the memory that follows from the outcomes. The outcomes
   * themselves are checked at each commit.
   */
  wrongAtRest(state: State): string | undefined {
    const owner = state.processes.find((process) => process.owner);
    if (owner?.at !== 'running') return 'stuck before the end of the input';
    const missing = state.outcomes.indexOf(undefined);
    if (missing >= 0) return `record ${String(missing)} is lost`;
    const { input } = this.rules.bounds;
    return isSame(owner.restored?.memory ?? NOTHING, expectedMemory(input, state.outcomes, input.length))
      ? undefined
      : 'the memory at the end does not follow from the outcomes';
  }

  encode(state: State, symmetry: number, out: Fingerprint): void {
    encodeState(state, symmetry === 1, out);
  }
}

/** A process that failed and is fenced has only its memory left. */
function tidy(state: State): State {
  let next = state;
  state.processes.forEach(({ at, owner }, i) => {
    if (at === 'failed' && !owner) next = release(next, i);
  });
  return next;
}
