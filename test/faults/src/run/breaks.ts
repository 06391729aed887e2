import { setTimeout as delay } from 'node:timers/promises';

import { waitUntil } from '@orderstream/deadlines';
import { type Progress } from '../../../../dev/src';
import { type SinkBreakName } from '../instrumented/sink-breaks';
import { StepFault, type StepFaultSettings } from '../instrumented/step-fault';
import { FaultStack, type FaultStackOptions } from '../stack/fault-stack';
import { Load } from './load';
import { Positions } from './positions';
import { describeVerdict } from './describe';
import { Books, isGreen, type Verdict } from './verdict';

const ENTRY = 'dist/test/faults/src/instrumented/bq-sink.js';
/** A sink starts, joins, opens every partition and gets to the step under load, on a machine that has other things to do. */
const STEP_DEADLINE_MS = 180_000;
const CATCH_UP_MS = 180_000;
const MAX_LAG = 60_000;

/** A stack under load whose sink runs in a costume. */
interface Stage {
  readonly stack: FaultStack;
  readonly positions: Positions;
  readonly load: Load;
  /** What the next start of a sink is: the service with the break, if one is tried, and a fault at a step. */
  dress(number: number, step?: StepFaultSettings): void;
}

/**
 * What a missing rule brings about. A record that is only missing may as well be one that a sink which stands still has not
 * come to: lost is what it has passed over.
 */
type Symptom = 'duplicated' | 'missingBelowCommit';

/** A course of events that a whole protocol survives, and one with a certain rule missing does not. */
interface Course {
  readonly description: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Rules that it does without, and what comes of that: one of these has to be found. */
  readonly breaks: Partial<Record<SinkBreakName, readonly Symptom[]>>;
  play(stage: Stage): Promise<void>;
}

const COURSES: readonly Course[] = [
  {
    description: 'killed between an append and its commit',
    breaks: { 'skip-finalize': ['duplicated'] },
    async play({ stack, dress, load }) {
      const sink = stack.instance('bq-sink');
      dress(1, { step: 'append-answered', nth: 40, action: 'kill' });
      let starts = sink.starts;
      sink.kill();
      await sink.startedAgain(starts);
      dress(1);
      starts = sink.starts;
      await sink.startedAgain(starts, STEP_DEADLINE_MS);
      await delay(3_000);
      await load.stop();
    },
  },
  {
    description: 'killed while appends are still on their way',
    breaks: { 'commit-before-ack': ['missingBelowCommit'] },
    async play({ stack, dress, load }) {
      const sink = stack.instance('bq-sink');
      dress(1);
      sink.kill();
      await sink.startedAgain(sink.starts - 1);
      await sink.ready();
      await delay(3_000);
      // Held for longer than a successor needs to end the streams.
      stack.writeApi.weather = { kind: 'late', ms: 20_000 };
      await delay(2_500);
      sink.kill();
      stack.writeApi.mend();
      await delay(3_000);
      await load.stop();
    },
  },
  {
    description: 'frozen before a commit, replaced, and thawed when its successor is gone',
    breaks: { 'per-instance-ids': ['duplicated'], 'consumer-commits': ['duplicated'] },
    async play({ stack, dress, load, positions }) {
      const sink = stack.instance('bq-sink');
      const successor = stack.instance('bq-sink', 2);
      dress(1, { step: 'commit-begun', nth: 30, action: 'freeze' });
      dress(2);
      const { starts } = sink;
      sink.kill();
      await sink.startedAgain(starts);
      await waitUntil(() => sink.isFrozen, {
        what: 'the sink to freeze before a commit',
        deadlineMs: STEP_DEADLINE_MS,
      });
      await successor.up();
      await successor.ready();
      await delay(3_000);
      await load.stop();
      await positions.recovery('validator', performance.now(), CATCH_UP_MS);
      await positions.recovery('bq-sink', performance.now(), CATCH_UP_MS);
      await successor.downHard();
      sink.thaw();
      // The late commit is tried again over the rebalance: it has its time to get through.
      await delay(15_000);
      stack.disguise('bq-sink', undefined);
      const before = sink.starts;
      sink.kill();
      await sink.startedAgain(before);
      await sink.ready();
    },
  },
  {
    description: 'a rejected append, with others behind it that turn up late',
    env: { BQ_SINK_MAX_BATCH_ROWS: '20' },
    breaks: { 'renumber-in-flight': ['duplicated', 'missingBelowCommit'] },
    async play({ stack, dress, load }) {
      const sink = stack.instance('bq-sink');
      dress(1);
      // A queue, so that every append is a full one.
      await sink.down();
      await delay(5_000);
      const { rejectedRows } = stack.writeApi;
      stack.writeApi.weather = { kind: 'straying', strayMs: 3_000, table: 'interaction_events' };
      await sink.up();
      await waitUntil(() => stack.writeApi.rejectedRows > rejectedRows, {
        what: 'an append to be rejected',
        deadlineMs: STEP_DEADLINE_MS,
      });
      await delay(6_000);
      stack.writeApi.mend();
      await load.stop();
    },
  },
];

export interface Trial {
  /** Undefined: the whole protocol over the same course, which has to be green. */
  readonly name: SinkBreakName | undefined;
  readonly description: string;
  /** One of these has to be found; none: the verdict has to be green. */
  readonly symptoms: readonly Symptom[];
  readonly verdict: Verdict;
}

/** Whether the suite told right from wrong, and saw what was wrong: that something stands still is not enough. */
export const isAsExpected = ({ symptoms, verdict }: Pick<Trial, 'symptoms' | 'verdict'>): boolean =>
  symptoms.length === 0 ? isGreen(verdict) : symptoms.some((symptom) => verdict.accounts[symptom] > 0);

/**
 * Tests of the suite itself: the protocol with one rule missing has to turn it red, and the whole protocol over the same
 * course has to leave it green.
 * @param only breaks; empty: all of them
 */
export async function tryBreaks(
  options: FaultStackOptions,
  only: readonly string[],
  progress: Progress,
): Promise<readonly Trial[]> {
  const trials: Trial[] = [];
  for (const course of COURSES) {
    const all = Object.keys(course.breaks) as SinkBreakName[];
    const wanted = all.filter((name) => only.length === 0 || only.includes(name));
    if (wanted.length === 0) continue;
    for (const name of [undefined, ...wanted]) {
      const verdict = await tryOne(options, course, name);
      const symptoms = name === undefined ? [] : (course.breaks[name] ?? []);
      const trial = { name, description: course.description, symptoms, verdict };
      trials.push(trial);
      const found = symptoms.map((symptom) => `, ${symptom} ${String(verdict.accounts[symptom])}`).join('');
      progress.line(
        `${isAsExpected(trial) ? 'as expected' : 'NOT AS EXPECTED'}: ${name ?? 'the whole protocol'}, ${course.description}: ${isGreen(verdict) ? 'green' : 'red'}${found} (${describeVerdict(verdict)})`,
      );
      for (const example of verdict.accounts.examples.slice(0, 4)) progress.line(`    ${example}`);
    }
  }
  return trials;
}

async function tryOne(options: FaultStackOptions, course: Course, name: SinkBreakName | undefined): Promise<Verdict> {
  const stack = await FaultStack.start(options);
  const positions = await Positions.connect(stack.kafka());
  try {
    const books = new Books(stack, positions, options.signal);
    const start = await books.open();
    const load = new Load(stack, positions, MAX_LAG);
    await load.start();
    await delay(5_000);
    await course.play({
      stack,
      positions,
      load,
      dress: (number, step) => {
        stack.disguise(
          'bq-sink',
          {
            entry: ENTRY,
            env: {
              ...course.env,
              ...(name === undefined ? {} : { SINK_BREAK: name }),
              ...(step === undefined ? {} : StepFault.environment(step)),
            },
          },
          number,
        );
      },
    });
    stack.mend();
    return await books.close(start, { isWhole: true });
  } finally {
    await positions.close();
    await stack.stop();
  }
}
