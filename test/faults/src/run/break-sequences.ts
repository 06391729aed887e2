import { waitUntil } from '@orderstream/deadlines';

import { lastWhileAffecting } from '../faults/effect';
import { lateCommitNotice } from '../instrumented/late-commit';
import { type SinkBreakName } from '../instrumented/sink-breaks';
import { type StepFaultSettings } from '../instrumented/step-fault';
import { type FaultStack } from '../stack/fault-stack';
import { type CommittedOffsets } from './committed-offsets';
import { type Load } from './load';
import { consumerRecovery } from './recovery';

/** The sink starts, opens every partition, and reaches the step under load, on a loaded machine. */
const STEP_DEADLINE_MS = 180_000;
const CATCH_UP_DEADLINE_MS = 180_000;
/** Longer than a commit as a consumer is retried. */
const LATE_COMMIT_DEADLINE_MS = 60_000;
/** Longer than a successor needs to finalize the streams. */
const APPEND_HOLD_MS = 20_000;
/** Longer than the interval of the sink's commits. */
const HELD_BEFORE_KILL_MS = 2_500;
/** Enough that each append of a partition has the maximum of rows. */
const QUEUE_RECORDS = 5_000;
const OUT_OF_ORDER_DELAY_MS = 3_000;
const LANDED_DEADLINE_MS = 60_000;

/** A stack under load, whose sink may have a break. */
export interface TrialContext {
  readonly stack: FaultStack;
  readonly offsets: CommittedOffsets;
  readonly load: Load;
  /** Sets what a sink instance is from its next start on: with the break, if the trial has one, and a fault at a step. */
  useInstrumentedSink(number: number, step?: StepFaultSettings): void;
}

/**
 * What a missing rule causes. Missing records count only below the committed offset: others may be waiting for a sink that
 * has stalled.
 */
export type Symptom = 'duplicated' | 'missingBelowCommit';

/** A sequence of faults that the whole protocol survives, and the protocol without a certain rule does not. */
export interface FaultSequence {
  readonly description: string;
  readonly env?: NodeJS.ProcessEnv;
  /** The breaks that it detects, each with symptoms of which one has to be found. */
  readonly breaks: Partial<Record<SinkBreakName, readonly Symptom[]>>;
  /** When it resolves, the load has ended. */
  run(context: TrialContext): Promise<void>;
}

export const FAULT_SEQUENCES: readonly FaultSequence[] = [
  {
    description: 'killed between an append and its commit',
    breaks: { 'skip-finalize': ['duplicated'] },
    async run({ stack, useInstrumentedSink, load }) {
      const sink = stack.instance('bq-sink');
      useInstrumentedSink(1, { step: 'append-answered', nth: 40, action: 'kill' });
      await sink.replace();
      const { starts } = sink;
      useInstrumentedSink(1);
      await sink.restarted(starts, STEP_DEADLINE_MS);
      await sink.ready();
      await load.stop();
    },
  },
  {
    description: 'killed while appends are in flight',
    breaks: { 'commit-before-ack': ['missingBelowCommit'] },
    async run({ stack, useInstrumentedSink, load, offsets }) {
      const sink = stack.instance('bq-sink');
      useInstrumentedSink(1);
      await sink.replace();
      await sink.ready();
      await offsets.waitUntilMoved('bq-sink', { partitions: 1, deadlineMs: STEP_DEADLINE_MS });
      const { affected } = stack.writeApi;
      stack.writeApi.fault = { kind: 'late', ms: APPEND_HOLD_MS };
      await lastWhileAffecting(() => stack.writeApi.affected - affected, HELD_BEFORE_KILL_MS);
      // Without the rule the successor finds fewer rows than were committed, and does not become ready.
      await sink.replace();
      stack.writeApi.clear();
      await load.stop();
    },
  },
  {
    description: 'frozen before a commit, replaced, and thawed when its successor is gone',
    breaks: { 'per-instance-ids': ['duplicated'], 'consumer-commits': ['duplicated'] },
    async run({ stack, useInstrumentedSink, load, offsets }) {
      const sink = stack.instance('bq-sink');
      const successor = stack.instance('bq-sink', 2);
      useInstrumentedSink(1, { step: 'commit-begun', nth: 30, action: 'freeze' });
      useInstrumentedSink(2);
      await sink.replace();
      await waitUntil(() => sink.isFrozen, {
        what: 'the sink to freeze before a commit',
        deadlineMs: STEP_DEADLINE_MS,
      });
      await successor.up();
      await successor.ready();
      await load.stop();
      await consumerRecovery(offsets, 'validator', performance.now(), CATCH_UP_DEADLINE_MS);
      await consumerRecovery(offsets, 'bq-sink', performance.now(), CATCH_UP_DEADLINE_MS);
      await successor.downHard();
      sink.thaw();
      const notice = lateCommitNotice(sink.pid);
      await waitUntil(() => sink.hasLogged(notice), {
        what: 'the late commit to succeed or fail',
        deadlineMs: LATE_COMMIT_DEADLINE_MS,
      });
      stack.setVariant('bq-sink', undefined);
      await sink.replace();
      await sink.ready();
    },
  },
  {
    description: 'a rejected append, with others behind it that are delayed',
    env: { BQ_SINK_MAX_BATCH_ROWS: '20' },
    breaks: { 'renumber-in-flight': ['duplicated', 'missingBelowCommit'] },
    async run({ stack, useInstrumentedSink, load, offsets }) {
      const sink = stack.instance('bq-sink');
      useInstrumentedSink(1);
      await sink.down();
      await waitUntil(async () => (await offsets.lag('bq-sink')) >= QUEUE_RECORDS, {
        what: `${String(QUEUE_RECORDS)} records to wait for the sink`,
        deadlineMs: CATCH_UP_DEADLINE_MS,
      });
      const { rejectedRows } = stack.writeApi;
      stack.writeApi.fault = { kind: 'out-of-order', delayMs: OUT_OF_ORDER_DELAY_MS, table: 'interaction_events' };
      await sink.up();
      await waitUntil(() => stack.writeApi.rejectedRows > rejectedRows, {
        what: 'an append to be rejected',
        deadlineMs: STEP_DEADLINE_MS,
      });
      await waitUntil(() => stack.writeApi.outOfOrder?.haveLanded, {
        what: 'the delayed appends to be answered',
        deadlineMs: LANDED_DEADLINE_MS,
      });
      stack.writeApi.clear();
      await load.stop();
    },
  },
];
