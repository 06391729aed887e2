import { setTimeout as delay } from 'node:timers/promises';

import type { TracedStep } from '../../../../test/model-checking/explore';
import type { Followed } from '../../../../test/model-checking/follow';
import type { Transition } from '../model/rules';
import type { Stage } from './stage';
import { TRANSITIONS } from './transitions';

const TIMEOUT_MS = 10_000;
/** How long the code has to do what it must not. */
const STANDSTILL_MS = 150;

/**
 * Leads the code along a trace.
 * @param expected what the protocol as it is does at each step
 * @returns what the code did at each step, in the words of the model; undefined where it did nothing of the kind
 */
export async function playCourse(
  stage: Stage,
  trace: readonly TracedStep[],
  expected: readonly Followed[],
): Promise<readonly (string | undefined)[]> {
  const course: (string | undefined)[] = [];
  for (const [index, step] of trace.entries()) {
    const { kind, step: taken = step } = expected[index] ?? { kind: 'none' };
    // What it might do is left open here: nothing is asked of it.
    if (kind === 'unclear') course.push(undefined);
    else {
      const rest = expected.slice(index).flatMap((each) => each.step ?? []);
      course.push(await play(stage, taken, rest, kind === 'none' ? STANDSTILL_MS : TIMEOUT_MS));
    }
  }
  return course;
}

async function play(
  stage: Stage,
  step: TracedStep,
  rest: readonly TracedStep[],
  timeoutMs: number,
): Promise<string | undefined> {
  const { take, reaches } = TRANSITIONS[step.name as Transition];
  for (const [name, actor] of stage.actors) actor.commitsSoon = commitsSoon(name, rest);
  const outcome = await take({ stage, step, actor: stage.actors.get(step.actor), timeoutMs });
  const by = outcome?.by;
  if (by !== undefined) for (const reached of reaches) await by.comesTo(reached);
  await delay(0);
  return outcome?.told;
}

/** Whether the next commit of a process is one of its position alone, for which the code's timer has to run out. */
function commitsSoon(name: string, rest: readonly TracedStep[]): boolean {
  const next = rest.find(
    (step) =>
      step.actor === name &&
      ['commit-begun', 'rejection-settled', 'crashed', 'fenced', 'stream-ended'].includes(step.name),
  );
  return next?.name === 'commit-begun';
}
