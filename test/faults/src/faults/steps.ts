import { setTimeout as delay } from 'node:timers/promises';

import { type SinkStep } from '../../../../apps/bq-sink/src/streams/fault-points';
import { type FaultPoint } from '../../../../apps/validator/src/partitions/fault-points';
import { describeExit, type ProcessExit } from '../../../../dev/src';
import { StepFault } from '../instrumented/step-fault';
import { type FaultStack } from '../stack/fault-stack';
import { type Fault } from './fault';

const ENTRY = {
  validator: 'dist/test/faults/src/instrumented/validator.js',
  'bq-sink': 'dist/test/faults/src/instrumented/bq-sink.js',
} as const;
/** For a start, for what brings the step about, and for the step. */
const STEP_DEADLINE_MS = 120_000;

/** How a step of the sink is brought about, and how often it comes while a sink opens its partitions or works. */
const SINK_STEPS: Readonly<
  Record<SinkStep, { readonly upTo: number; readonly by: 'work' | 'loss' | 'rejection' | 'drain' }>
> = {
  fenced: { upTo: 24, by: 'work' },
  'committed-read': { upTo: 24, by: 'work' },
  finalized: { upTo: 6, by: 'work' },
  'max-read': { upTo: 3, by: 'loss' },
  'stream-created': { upTo: 10, by: 'work' },
  'stream-named': { upTo: 10, by: 'work' },
  'append-sent': { upTo: 60, by: 'work' },
  'append-answered': { upTo: 60, by: 'work' },
  'commit-begun': { upTo: 60, by: 'work' },
  committed: { upTo: 60, by: 'work' },
  'rejection-settled': { upTo: 1, by: 'rejection' },
  'rejection-committed': { upTo: 1, by: 'rejection' },
  'stream-ended': { upTo: 3, by: 'drain' },
  'end-committed': { upTo: 3, by: 'drain' },
};

/** `waiting` needs a record that refers to what the catalog has not told of; the load has such records. */
const VALIDATOR_STEPS: Readonly<Record<FaultPoint, number>> = {
  fenced: 24,
  restored: 24,
  evaluated: 60,
  committed: 60,
  folded: 60,
  waiting: 2,
};

const sinkCrash = (step: SinkStep): Fault => ({
  name: `crash bq-sink at ${step}`,
  description: `bq-sink dies at the step "${step}" of its protocol`,
  claims: [
    'bq-sink',
    ...(SINK_STEPS[step].by === 'loss' ? (['bigquery-emulator'] as const) : []),
    ...(SINK_STEPS[step].by === 'rejection' ? (['write-api'] as const) : []),
  ],
  recovers: ['bq-sink'],
  async inflict({ stack, rng }) {
    const { upTo, by } = SINK_STEPS[step];
    const nth = rng.between(1, upTo);
    try {
      await crash(stack, 'bq-sink', step, nth, async () => {
        switch (by) {
          case 'loss':
            // Its streams go with the emulator: the next owner finds none of them.
            stack.backend('bigquery-emulator').kill();
            break;
          case 'rejection':
            stack.writeApi.weather = {
              kind: 'rejecting',
              appends: 10,
              rows: (count) => (count === 0 ? [] : [count - 1]),
            };
            break;
          case 'drain':
            await stack.instance('bq-sink').ready();
            await delay(3_000);
            stack.instance('bq-sink').terminate();
            break;
          case 'work':
            break;
        }
      });
    } finally {
      if (by === 'rejection') stack.writeApi.mend();
    }
    if (by === 'loss') await stack.backend('bigquery-emulator').ready();
    return { detail: `the ${String(nth)}. time` };
  },
});

const validatorCrash = (step: FaultPoint): Fault => ({
  name: `crash validator at ${step}`,
  description: `validator dies at the step "${step}" of its loop`,
  claims: ['validator'],
  recovers: ['validator'],
  async inflict({ stack, rng }) {
    const nth = rng.between(1, VALIDATOR_STEPS[step]);
    await crash(stack, 'validator', step, nth, () => Promise.resolve());
    return { detail: `the ${String(nth)}. time` };
  },
});

/**
 * Starts the service as one that dies at the step, and waits until it has. The next start is the service itself. That it
 * died is not enough: it has to be by the step, which its log names.
 */
async function crash(
  stack: FaultStack,
  app: 'bq-sink' | 'validator',
  step: string,
  nth: number,
  provoke: () => Promise<void>,
): Promise<void> {
  const instance = stack.instance(app);
  stack.disguise(app, { entry: ENTRY[app], env: StepFault.environment({ step, nth, action: 'kill' }) });
  try {
    await instance.replace();
  } finally {
    stack.disguise(app, undefined);
  }
  const life = instance.starts;
  const notice = StepFault.notice(instance.pid, { step, nth });
  // Looked for as soon as it is dead: the next process may begin another log.
  const end = instance.ended(STEP_DEADLINE_MS).then((exit) => otherEnd(exit, instance.hasLogged(notice)));
  end.catch(() => undefined);
  try {
    await provoke();
    const other = await end;
    if (other !== undefined) throw new Error(other);
    await instance.startedAgain(life);
  } catch (error) {
    // As it is, it would die at some later time: it is made to be the service itself again.
    if (instance.starts === life) instance.kill();
    throw new Error(`${app} did not come to "${step}" ${String(nth)} times`, { cause: error });
  }
}

/** How a process ended, if it was not by the step that it was to die at. */
export function otherEnd(exit: ProcessExit, hasSaidSo: boolean): string | undefined {
  if (exit.signal === 'SIGKILL' && hasSaidSo) return undefined;
  return `it ${describeExit(exit)}${hasSaidSo ? '' : ', and its log does not name the step'}`;
}

export const STEP_FAULTS: readonly Fault[] = [
  ...(Object.keys(SINK_STEPS) as SinkStep[]).map(sinkCrash),
  ...(Object.keys(VALIDATOR_STEPS) as FaultPoint[]).map(validatorCrash),
];
