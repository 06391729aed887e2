import { randomUUID } from 'node:crypto';

import type { Family } from '@orderstream/contracts';
import { createKafka } from '@orderstream/kafka';

import { explore, type TracedStep } from '../../../test/model-checking/explore';
import { type Followed, follow } from '../../../test/model-checking/follow';
import { BROKERS } from './log';
import type { BreakName } from './model/bounds';
import { BREAKS } from './model/breaks';
import type { Transition } from './model/loop';
import { ValidatorLoop } from './model/validator-loop';
import type { Breakage } from './replay/held-kafka';
import { ensureFamily, Replay } from './replay/replay';
import { TRANSITIONS } from './replay/transitions';

const BOUND = { maxStates: 400_000 };
const TIMEOUT_MS = 10_000;
/** How long the code is observed where it must not take a step. */
const NO_STEP_MS = 300;
const NAMES = Object.keys(BREAKS) as BreakName[];
/** Transitions that may replace each other: the state is brought to the committed offset in one of two ways. */
const ALIKE = [['settled', 'restored']];

/** Faults of the model that the code can have without a change of it, by the number of the process. */
const BROKEN_CODE: Readonly<Partial<Record<BreakName, (process: number) => Breakage>>> = {
  perInstanceIds: (process) => ({ ownIds: `.${String(process)}` }),
  settlesByOffset: () => ({ takesAnyToken: true }),
  takesLateAnswers: () => ({ takesLateAnswers: true }),
  stopsThoughFenced: () => ({ readsOnce: true }),
};
const BROKEN_NAMES = NAMES.filter((name) => name in BROKEN_CODE);

/** Each replay has a partition of its own. The last one is for the warm-up. */
const WARM_UP = NAMES.length + BROKEN_NAMES.length;

/** A family of its own: other suites validate the real ones on the same broker. */
const FAMILY = `replay-${randomUUID().slice(0, 8)}` as Family;
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'validator-replay' });
let topics: readonly string[] = [];

jest.setTimeout(60_000);
beforeAll(async () => {
  topics = await ensureFamily(kafka, FAMILY, WARM_UP + 1);
  // The broker creates its internal topics at the first transaction: no replay has to wait for that.
  const replay = new Replay({ kafka, family: FAMILY, partition: WARM_UP, input: 'x' });
  expect(await replay.finish()).toEqual([]);
  await replay.stop();
});
afterAll(async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [...topics] });
  await admin.disconnect();
});

const traceOf = (name: BreakName): readonly TracedStep[] =>
  explore(new ValidatorLoop(BREAKS[name].bounds, name), BOUND).trace;

/** Lets the code take a step. Returns the step that it took. */
async function takeStep(replay: Replay, step: TracedStep, timeoutMs: number): Promise<string> {
  const { take, reaches } = TRANSITIONS[step.name as Transition];
  const taken = await take({ replay, step, process: replay.processes.get(step.actor), timeoutMs });
  if (taken?.by !== undefined) for (const point of reaches) await taken.by.untilReached(point);
  return `${step.actor} ${taken?.name ?? step.name}: ${taken?.detail ?? 'no step'}`;
}

/** Lets the code take the steps of the trace, then run to the end without further faults. */
async function replayTrace(
  name: BreakName,
  partition: number,
  expectedSteps: (trace: readonly TracedStep[]) => readonly Followed[],
  breakage?: (process: number) => Breakage,
): Promise<{
  readonly steps: readonly string[];
  readonly expected: readonly string[];
  readonly violations: readonly string[];
}> {
  const trace = traceOf(name);
  const { input } = BREAKS[name].bounds;
  const replay = new Replay({
    kafka,
    family: FAMILY,
    partition,
    input,
    ...(breakage === undefined ? {} : { breakage }),
  });
  const steps: string[] = [];
  const expected: string[] = [];
  try {
    for (const [index, { kind, step }] of expectedSteps(trace).entries()) {
      const requested = step ?? trace[index];
      if (requested === undefined || kind === 'unclear') continue;
      expected.push(`${requested.actor} ${requested.name}: ${step?.detail ?? 'no step'}`);
      steps.push(await takeStep(replay, requested, kind === 'none' ? NO_STEP_MS : TIMEOUT_MS));
    }
    return { steps, expected, violations: await replay.finish() };
  } finally {
    await replay.stop();
  }
}

describe('the code, along the trace by which a broken loop violates the protocol', () => {
  it.each(NAMES)(
    'takes the steps of the loop without the fault, and gives each record one outcome: %s',
    async (name) => {
      const loop = new ValidatorLoop(BREAKS[name].bounds);
      const follows = (trace: readonly TracedStep[]): readonly Followed[] => follow(loop, trace, ALIKE);
      const { steps, expected, violations } = await replayTrace(name, NAMES.indexOf(name), follows);
      expect(steps).toEqual(expected);
      expect(violations).toEqual([]);
    },
  );
});

describe('the code with a fault, along the trace by which the loop with the same fault violates the protocol', () => {
  it.each(BROKEN_NAMES)('takes the steps of the trace, and violates the protocol in the same way: %s', async (name) => {
    const same = (trace: readonly TracedStep[]): readonly Followed[] => trace.map((step) => ({ kind: 'same', step }));
    const partition = NAMES.length + BROKEN_NAMES.indexOf(name);
    const { steps, expected, violations } = await replayTrace(name, partition, same, BROKEN_CODE[name]);
    expect(steps).toEqual(expected);
    expect(violations).toContain(BREAKS[name].violation);
  });
});
