import { waitUntil } from '@orderstream/deadlines';
import { z } from 'zod';

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
/** For a start, for what leads to the step, and for the step. */
const STEP_DEADLINE_MS = 120_000;

/** What leads a sink to a step, and how often the step occurs while the sink opens its partitions or works. */
const SINK_STEPS: Readonly<
  Record<SinkStep, { readonly upTo: number; readonly by: 'work' | 'loss' | 'rejection' | 'drain' }>
> = {
  fenced: { upTo: 24, by: 'work' },
  'committed-read': { upTo: 24, by: 'work' },
  finalized: { upTo: 6, by: 'work' },
  'max-read': { upTo: 3, by: 'loss' },
  'stream-created': { upTo: 10, by: 'work' },
  'stream-assigned': { upTo: 10, by: 'work' },
  'append-sent': { upTo: 60, by: 'work' },
  'append-answered': { upTo: 60, by: 'work' },
  'commit-begun': { upTo: 60, by: 'work' },
  committed: { upTo: 60, by: 'work' },
  'rejection-settled': { upTo: 1, by: 'rejection' },
  'rejection-committed': { upTo: 1, by: 'rejection' },
  'stream-ended': { upTo: 3, by: 'drain' },
  'end-committed': { upTo: 3, by: 'drain' },
};

const sinkStreams = z.object({ partitions: z.array(z.object({ stream: z.unknown() })) });

/**
 * Waits until this many partitions have a stream, which a drain ends. A commit does not show it: recovery commits as well.
 *
 * @throws DeadlineError
 */
async function streamsAssigned(stack: FaultStack, wanted: number): Promise<void> {
  await waitUntil(
    async () => {
      const { partitions } = sinkStreams.parse(await stack.service('bq-sink').client().status());
      return partitions.filter(({ stream }) => stream !== null).length >= wanted;
    },
    { what: `${String(wanted)} partitions of bq-sink to have a stream`, deadlineMs: STEP_DEADLINE_MS },
  );
}

/** How often a step occurs. `waiting` needs a record with a reference that the catalog does not have; the load has some. */
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
  description: `bq-sink is killed at the step "${step}" of its protocol`,
  claims: [
    'bq-sink',
    ...(SINK_STEPS[step].by === 'loss' ? (['bigquery-emulator'] as const) : []),
    ...(SINK_STEPS[step].by === 'rejection' ? (['write-api'] as const) : []),
  ],
  recovers: ['bq-sink'],
  async inject({ stack, rng }) {
    const { upTo, by } = SINK_STEPS[step];
    const nth = rng.between(1, upTo);
    try {
      await crash(stack, 'bq-sink', step, nth, async () => {
        switch (by) {
          case 'loss':
            // The streams are lost with the emulator: the next owner finds none of them.
            stack.backend('bigquery-emulator').kill();
            break;
          case 'rejection':
            stack.writeApi.fault = {
              kind: 'rejecting',
              appends: 10,
              rows: (count) => (count === 0 ? [] : [count - 1]),
            };
            break;
          case 'drain':
            await stack.instance('bq-sink').ready();
            await streamsAssigned(stack, upTo);
            stack.instance('bq-sink').terminate();
            break;
          case 'work':
            break;
        }
      });
    } finally {
      if (by === 'rejection') stack.writeApi.clear();
    }
    if (by === 'loss') await stack.backend('bigquery-emulator').ready();
    return { detail: `occurrence ${String(nth)}` };
  },
});

const validatorCrash = (step: FaultPoint): Fault => ({
  name: `crash validator at ${step}`,
  description: `validator is killed at the step "${step}" of its loop`,
  claims: ['validator'],
  recovers: ['validator'],
  async inject({ stack, rng }) {
    const nth = rng.between(1, VALIDATOR_STEPS[step]);
    await crash(stack, 'validator', step, nth, () => Promise.resolve());
    return { detail: `occurrence ${String(nth)}` };
  },
});

/**
 * Starts a variant of the service that kills itself at the step, and waits until that has happened and the service runs
 * again. The process must have ended by SIGKILL, with the step in its log.
 */
async function crash(
  stack: FaultStack,
  app: 'bq-sink' | 'validator',
  step: string,
  nth: number,
  provoke: () => Promise<void>,
): Promise<void> {
  const instance = stack.instance(app);
  stack.setVariant(app, { entry: ENTRY[app], env: StepFault.environment({ step, nth, action: 'kill' }) });
  try {
    await instance.replace();
  } finally {
    stack.setVariant(app, undefined);
  }
  const { starts } = instance;
  const notice = StepFault.notice(instance.pid, { step, nth });
  // The log is read as soon as the process has ended: the next process may start another log.
  const ended = instance.ended(STEP_DEADLINE_MS).then((exit) => unexpectedExit(exit, instance.hasLogged(notice)));
  ended.catch(() => undefined);
  try {
    await provoke();
    const unexpected = await ended;
    if (unexpected !== undefined) throw new Error(unexpected);
    await instance.restarted(starts);
  } catch (error) {
    // The variant would still die at some later time.
    if (instance.starts === starts) instance.kill();
    throw new Error(`${app} did not reach "${step}" ${String(nth)} times`, { cause: error });
  }
}

/** How a process ended, unless it was by the step at which it had to kill itself. */
export function unexpectedExit(exit: ProcessExit, hasLoggedStep: boolean): string | undefined {
  if (exit.signal === 'SIGKILL' && hasLoggedStep) return undefined;
  return `it ${describeExit(exit)}${hasLoggedStep ? '' : ', and its log does not name the step'}`;
}

export const STEP_FAULTS: readonly Fault[] = [
  ...(Object.keys(SINK_STEPS) as SinkStep[]).map(sinkCrash),
  ...(Object.keys(VALIDATOR_STEPS) as FaultPoint[]).map(validatorCrash),
];
