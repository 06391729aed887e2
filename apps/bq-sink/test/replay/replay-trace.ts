import { setTimeout as delay } from 'node:timers/promises';

import type { TracedStep } from '../../../../test/model-checking/explore';
import type { Followed } from '../../../../test/model-checking/follow';
import type { Transition } from '../model/model-context';
import type { ReplayEnvironment } from './replay-environment';
import { TRANSITIONS } from './transitions';

const TIMEOUT_MS = 10_000;
/** How long to wait for a step that the code must not take. */
const NO_STEP_MS = 150;

/**
 * Makes the code take the steps of a trace.
 * @param expected what the complete protocol does at each step
 * @returns the detail of what the code did at each step, as the model formats it; undefined if it took no such step
 */
export async function replayTrace(
  environment: ReplayEnvironment,
  trace: readonly TracedStep[],
  expected: readonly Followed[],
): Promise<readonly (string | undefined)[]> {
  const details: (string | undefined)[] = [];
  for (const [index, step] of trace.entries()) {
    const { kind, step: taken = step } = expected[index] ?? { kind: 'none' };
    // The model allows several steps here, so the replay requests none.
    if (kind === 'unclear') details.push(undefined);
    else {
      const rest = expected.slice(index).flatMap((each) => each.step ?? []);
      details.push(await replayStep(environment, taken, rest, kind === 'none' ? NO_STEP_MS : TIMEOUT_MS));
    }
  }
  return details;
}

async function replayStep(
  environment: ReplayEnvironment,
  step: TracedStep,
  rest: readonly TracedStep[],
  timeoutMs: number,
): Promise<string | undefined> {
  const { perform, reaches } = TRANSITIONS[step.name as Transition];
  for (const [name, process] of environment.current) process.commitsPositionNext = commitsPositionNext(name, rest);
  const outcome = await perform({ environment, step, process: environment.current.get(step.actor), timeoutMs });
  const by = outcome?.by;
  if (by !== undefined) for (const reached of reaches) await by.waitForStep(reached);
  await delay(0);
  return outcome?.detail;
}

/** Whether the next commit of a process is one of its position alone. The code's commit timer has to fire for it. */
function commitsPositionNext(name: string, rest: readonly TracedStep[]): boolean {
  const next = rest.find(
    (step) =>
      step.actor === name &&
      ['commit-begun', 'rejection-settled', 'crashed', 'fenced', 'stream-ended'].includes(step.name),
  );
  return next?.name === 'commit-begun';
}
