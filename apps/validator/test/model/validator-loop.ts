import type { Fingerprint } from '../../../../test/model-checking/fingerprint';
import { type Model, type Step, StepList } from '../../../../test/model-checking/model';
import type { Bounds, BreakName, Rules } from './bounds';
import { isSame, NOTHING } from './evaluation';
import { rightMemory } from './kafka';
import { coordinatorSteps, letGo, processSteps, type Transition } from './loop';
import { encodeState, initialState, type State } from './state';

/**
 * The validator's consume-transform-produce loop with its state topic: one input partition, two instances, Kafka. Every
 * remote call is one atomic step. A transition that the code has too carries the code's name for it (FaultPoint).
 *
 * What it takes for granted: a transaction is seen whole or not at all by readers of committed records; opening a producer
 * returns when the transactions of older ones are ended; the input is complete from the start.
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
   * Somebody owns and is through, and remembers what follows from what is committed: nothing was folded twice, nothing left
   * out. What is committed was looked at when it was.
   */
  wrongAtRest(state: State): string | undefined {
    const owner = state.processes.find((process) => process.owner);
    if (owner?.at !== 'running') return 'stuck before the end of the input';
    const missing = state.outcomes.indexOf(undefined);
    if (missing >= 0) return `record ${String(missing)} is lost`;
    const { input } = this.rules.bounds;
    return isSame(owner.kept?.memory ?? NOTHING, rightMemory(input, state.outcomes, input.length))
      ? undefined
      : 'the memory at the end does not follow from the outcomes';
  }

  encode(state: State, symmetry: number, out: Fingerprint): void {
    encodeState(state, symmetry === 1, out);
  }
}

/** Who failed and is fenced has only its memory. */
function tidy(state: State): State {
  let next = state;
  state.processes.forEach(({ at, owner }, i) => {
    if (at === 'failed' && !owner) next = letGo(next, i);
  });
  return next;
}
