import { randomUUID } from 'node:crypto';

import type { Family } from '@orderstream/contracts';
import { createKafka } from '@orderstream/kafka';

import { explore, type TracedStep } from '../../../test/model-checking/explore';
import { type Followed, follow } from '../../../test/model-checking/follow';
import type { BreakName } from './model/bounds';
import { BREAKS } from './model/breaks';
import type { Transition } from './model/loop';
import { ValidatorLoop } from './model/validator-loop';
import { BROKERS } from './log';
import type { Breakage } from './replay/held-kafka';
import { ensureFamily, Stage } from './replay/stage';
import { TRANSITIONS } from './replay/transitions';

const BOUND = { maxStates: 400_000 };
const TIMEOUT_MS = 10_000;
/** How long the code has to do what it must not. */
const STANDSTILL_MS = 300;
const NAMES = Object.keys(BREAKS) as BreakName[];
/** The state is brought to the position in one of two ways. */
const ALIKE = [['settled', 'restored']];

/** Breaks of the model that can be made of the code without changing it: process by process. */
const BROKEN_CODE: Readonly<Partial<Record<BreakName, (process: number) => Breakage>>> = {
  perInstanceIds: (process) => ({ ownIds: `.${String(process)}` }),
  settlesByOffset: () => ({ takesAnyToken: true }),
  takesLateAnswers: () => ({ takesLateAnswers: true }),
  stopsThoughFenced: () => ({ readsOnce: true }),
};

/** Each replay has a partition of its own; behind them is one for the warm-up. */
const BROKEN_NAMES = NAMES.filter((name) => name in BROKEN_CODE);
const WARM_UP = NAMES.length + BROKEN_NAMES.length;

/** A family of its own: other suites validate the real ones on the same broker. */
const FAMILY = `replay-${randomUUID().slice(0, 8)}` as Family;
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'validator-replay' });
let topics: readonly string[] = [];

jest.setTimeout(60_000);
beforeAll(async () => {
  topics = await ensureFamily(kafka, FAMILY, WARM_UP + 1);
  // A broker makes topics of its own for the first transaction: nothing is to wait for that in the middle of a replay.
  const stage = new Stage({ kafka, family: FAMILY, partition: WARM_UP, input: 'x' });
  expect(await stage.calmDown()).toEqual([]);
  await stage.stop();
});
afterAll(async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [...topics] });
  await admin.disconnect();
});

const traceOf = (name: BreakName): readonly TracedStep[] =>
  explore(new ValidatorLoop(BREAKS[name].bounds, name), BOUND).trace;

async function play(stage: Stage, step: TracedStep, timeoutMs: number): Promise<string> {
  const { take, comesTo } = TRANSITIONS[step.name as Transition];
  const outcome = await take({ stage, step, actor: stage.actors.get(step.actor), timeoutMs });
  if (outcome?.by !== undefined) for (const point of comesTo) await outcome.by.comesTo(point);
  return `${step.actor} ${outcome?.name ?? step.name}: ${outcome?.told ?? 'does not'}`;
}

/** Leads the code along the trace, then lets everything come to its end. */
async function replay(
  name: BreakName,
  partition: number,
  expected: (trace: readonly TracedStep[]) => readonly Followed[],
  breakage?: (process: number) => Breakage,
): Promise<{
  readonly course: readonly string[];
  readonly wanted: readonly string[];
  readonly problems: readonly string[];
}> {
  const trace = traceOf(name);
  const { input } = BREAKS[name].bounds;
  const stage = new Stage({ kafka, family: FAMILY, partition, input, ...(breakage === undefined ? {} : { breakage }) });
  const course: string[] = [];
  const wanted: string[] = [];
  try {
    for (const [index, { kind, step }] of expected(trace).entries()) {
      const cue = step ?? trace[index];
      if (cue === undefined || kind === 'unclear') continue;
      wanted.push(`${cue.actor} ${cue.name}: ${step?.detail ?? 'does not'}`);
      course.push(await play(stage, cue, kind === 'none' ? STANDSTILL_MS : TIMEOUT_MS));
    }
    return { course, wanted, problems: await stage.calmDown() };
  } finally {
    await stage.stop();
  }
}

describe('the code, led to where a broken loop fails', () => {
  it.each(NAMES)('does what the loop does there, and has each outcome once: %s', async (name) => {
    const loop = new ValidatorLoop(BREAKS[name].bounds);
    const { course, wanted, problems } = await replay(name, NAMES.indexOf(name), (trace) => follow(loop, trace, ALIKE));
    expect(course).toEqual(wanted);
    expect(problems).toEqual([]);
  });
});

describe('broken code, led to where the same break of the loop fails', () => {
  it.each(BROKEN_NAMES)('follows all the way, and is caught: %s', async (name) => {
    const same = (trace: readonly TracedStep[]): readonly Followed[] => trace.map((step) => ({ kind: 'same', step }));
    const partition = NAMES.length + BROKEN_NAMES.indexOf(name);
    const { course, wanted, problems } = await replay(name, partition, same, BROKEN_CODE[name]);
    expect(course).toEqual(wanted);
    expect(problems).toContain(BREAKS[name].violation);
  });
});
