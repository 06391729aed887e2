import type { FaultRule } from '../../../test/write-api-server/src/faults';
import { recordsFrom, ServedPartition, type ServedPartitionOptions } from './served-partition';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

jest.setTimeout(60_000);

const FAILURES = 'orderstream_partition_failures_total';
const RECORDS = 500;
const TRANSIENT_MS = 200;
const THROTTLED_MS = 5_000;
const offsets = Array.from({ length: RECORDS }, (_, offset) => offset);
const NOT_ABORTED = new AbortController().signal;

interface Case {
  readonly fault: FaultRule['fault'];
  readonly on?: FaultRule['on'];
  /** The reason label of the failure metric. */
  readonly reason: string;
  /** First wait before the retry. */
  readonly afterMs?: number;
  readonly options?: ServedPartitionOptions;
  /** Whether rows are durable whose acknowledgement was lost. */
  readonly landed?: boolean;
}

const fail = (code: Extract<FaultRule['fault'], { kind: 'fail' }>['code'], inBand: boolean): FaultRule['fault'] => ({
  kind: 'fail',
  code,
  inBand,
});

/** Each code as the status of the call, and as the answer to one append. */
const codes = (
  [
    ['UNAVAILABLE', 'unavailable', TRANSIENT_MS],
    ['INTERNAL', 'unavailable', TRANSIENT_MS],
    ['DEADLINE_EXCEEDED', 'unavailable', TRANSIENT_MS],
    ['ABORTED', 'aborted', TRANSIENT_MS],
    ['RESOURCE_EXHAUSTED', 'throttled', THROTTLED_MS],
    ['ALREADY_EXISTS', 'already-exists', TRANSIENT_MS],
    ['OUT_OF_RANGE', 'out-of-range', TRANSIENT_MS],
    ['PERMISSION_DENIED', 'rejected', TRANSIENT_MS],
  ] as const
).flatMap(([code, reason, afterMs]): [string, Case][] => [
  [`the call ends with ${code}`, { fault: fail(code, false), reason, afterMs }],
  [`an append is answered with ${code}`, { fault: fail(code, true), reason, afterMs }],
]);

const cases: readonly [string, Case][] = [
  ...codes,
  ['an answer is lost when the call ends', { fault: { kind: 'lose-answer' }, reason: 'unavailable', landed: true }],
  [
    'an answer is lost when the connection is cut',
    { fault: { kind: 'lose-answer', cut: 'socket' }, reason: 'unavailable', landed: true },
  ],
  ['the connection is cut before rows land', { fault: { kind: 'cut', cut: 'socket' }, reason: 'unavailable' }],
  ['rows land after their connection was closed', { fault: { kind: 'land-late', ms: 1_000 }, reason: 'unavailable' }],
  [
    'an append lands and is never answered',
    {
      fault: { kind: 'never-answer', lands: true },
      options: { appendTimeoutMs: 2_000 },
      reason: 'unavailable',
      landed: true,
    },
  ],
  [
    'an append does not land and is never answered',
    { fault: { kind: 'never-answer', lands: false }, options: { appendTimeoutMs: 2_000 }, reason: 'unavailable' },
  ],
  [
    'the creation of a stream exceeds a quota',
    {
      on: 'CreateWriteStream',
      fault: fail('RESOURCE_EXHAUSTED', false),
      reason: 'throttled',
      afterMs: THROTTLED_MS,
    },
  ],
  [
    'the creation of a stream fails transiently',
    { on: 'CreateWriteStream', fault: fail('UNAVAILABLE', false), reason: 'unavailable' },
  ],
  [
    'the answer to the creation of a stream is lost',
    { on: 'CreateWriteStream', fault: { kind: 'lose-answer' }, reason: 'unavailable' },
  ],
];

describe('a partition with failing appends', () => {
  let partition: ServedPartition | undefined;
  const serve = async (options: ServedPartitionOptions = {}): Promise<ServedPartition> => {
    partition = new ServedPartition({ ...options, limits: { maxBatchRows: 50, ...options.limits } });
    await partition.start();
    return partition;
  };
  afterEach(async () => {
    await partition?.stop();
    partition = undefined;
  });

  it.each(cases)(
    'writes each record once, retries after the right wait and counts the failure when %s',
    async (_, { fault, on = 'AppendRows', reason, afterMs = TRANSIENT_MS, options, landed = false }) => {
      const served = await serve(options);
      // The third append has appends in flight before and behind it. Of the streams, the first one is affected.
      served.server.faults.add({ on, fault, skip: on === 'AppendRows' ? 2 : 0 });
      const failures = await served.run(RECORDS);
      expect(failures).toMatchObject([{ kind: 'retry', afterMs }]);
      await waitUntil(() => served.server.counts.waiting === 0, {
        what: 'no append is in flight',
        deadlineMs: WAIT_MS,
      });
      expect(served.offsets()).toEqual(offsets);
      expect(served.dead()).toEqual([]);
      expect(served.committed.offset).toBe(RECORDS);
      expect(await served.metric(FAILURES)).toBe(1);
      expect(await served.metric(FAILURES, { family: 'orders', reason })).toBe(1);
      expect(await served.metric('orderstream_streams_created_total')).toBe(on === 'AppendRows' ? 2 : 1);
      const skipped = await served.metric('orderstream_rows_skipped_on_recovery_total');
      const acknowledged = await served.metric('orderstream_rows_appended_total');
      expect(acknowledged + skipped).toBeGreaterThanOrEqual(RECORDS);
      if (landed) expect(skipped).toBeGreaterThanOrEqual(50);
    },
  );

  it.each([
    ['UNAVAILABLE', 'unavailable', TRANSIENT_MS],
    ['RESOURCE_EXHAUSTED', 'throttled', THROTTLED_MS],
    ['PERMISSION_DENIED', 'rejected', THROTTLED_MS],
  ] as const)('retries finalizing the stream when the call is answered with %s', async (code, reason, afterMs) => {
    const served = await serve();
    served.server.faults.add({ on: 'AppendRows', fault: { kind: 'lose-answer' }, skip: 2 });
    served.server.faults.add({ on: 'FinalizeWriteStream', fault: fail(code, false), times: 3 });
    const [lost, ...failures] = await served.run(RECORDS);
    expect(lost).toMatchObject({ kind: 'retry', afterMs: TRANSIENT_MS });
    expect(failures).toMatchObject(Array.from({ length: 3 }, () => ({ kind: 'retry', afterMs })));
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES, { reason })).toBe(reason === 'unavailable' ? 4 : 3);
  });

  it('does not fail when answers are slow, and measures the append latency', async () => {
    const served = await serve();
    served.server.faults.add({ on: 'AppendRows', fault: { kind: 'delay', ms: 100 }, times: 0 });
    expect(await served.run(RECORDS)).toEqual([]);
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES)).toBe(0);
    const appends = await served.metric('orderstream_append_seconds_count');
    expect(appends).toBe(RECORDS / 50);
    // A timer may come up to 2 ms early.
    expect((await served.metric('orderstream_append_seconds_sum')) / appends).toBeGreaterThanOrEqual(0.095);
  });

  it.each([
    [
      'another owner ended its stream',
      'finalized',
      async (served: ServedPartition, stream: string) => {
        await served.finalize(stream);
      },
    ],
    [
      'BigQuery has deleted its stream after days without rows',
      'stream-gone',
      (served: ServedPartition) => {
        served.clockMs += 4 * 24 * 3_600_000;
      },
    ],
  ])('continues in another stream when %s', async (_, reason, happens) => {
    const served = await serve();
    const sink = served.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 200));
    await waitUntil(() => sink.describe().committed === 200, {
      what: 'the first rows are committed',
      deadlineMs: WAIT_MS,
    });
    await happens(served, sink.describe().stream ?? '');
    await sink.take(recordsFrom(200, 100));
    await waitUntil(() => served.interruptions.length > 0, { what: 'the sink fails', deadlineMs: WAIT_MS });
    expect(await served.run(RECORDS)).toEqual([]);
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES, { reason })).toBe(1);
    expect(await served.metric('orderstream_fallbacks_taken_total')).toBe(reason === 'stream-gone' ? 1 : 0);
  });

  it('retries until the quota of new streams is renewed, and writes each record once', async () => {
    const served = await serve({ maxStreamsPerHour: 1 });
    expect(await served.run(100)).toEqual([]);
    const running = served.run(RECORDS);
    await waitUntil(() => served.failures >= 10, { what: 'it has failed ten times', deadlineMs: WAIT_MS });
    expect(served.offsets()).toEqual(offsets.slice(0, 100));
    served.clockMs += 3_600_000;
    const failures = await running;
    // The partition task doubles this wait up to 30 s, so a partition requests 120 to 240 streams in the hour.
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'retry', afterMs: THROTTLED_MS });
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES, { reason: 'throttled' })).toBe(failures.length);
    expect(await served.metric('orderstream_streams_created_total')).toBe(2);
  });

  it.each([
    ['the answer to an append', true],
    ['the end of its call', false],
  ])('sends again to a new stream that BigQuery does not know yet, without a fallback: %s', async (_, inBand) => {
    const served = await serve({ limits: { fallbackWaitMs: 60_000 } });
    served.server.faults.add({ on: 'AppendRows', fault: fail('NOT_FOUND', inBand), times: 2 });
    expect(await served.run(RECORDS)).toEqual([]);
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric('orderstream_streams_created_total')).toBe(1);
    expect(await served.metric('orderstream_fallbacks_taken_total')).toBe(0);
    expect(await served.metric(FAILURES)).toBe(0);
  });

  it('takes the fallback when BigQuery still does not know a new stream after the wait', async () => {
    const served = await serve({ limits: { fallbackWaitMs: 1_000 } });
    const unknown = served.server.faults.add({ on: 'AppendRows', fault: fail('NOT_FOUND', true), times: 0 });
    const running = served.run(RECORDS);
    await waitUntil(() => served.failures > 0, { what: 'the partition fails', deadlineMs: WAIT_MS });
    served.server.faults.remove(unknown);
    expect(await running).toMatchObject([{ kind: 'retry', afterMs: TRANSIENT_MS, cause: { reason: 'stream-gone' } }]);
    expect(served.offsets()).toEqual(offsets);
  });

  it('does not count the end of an idle stream as a failure', async () => {
    const served = await serve({ limits: { idleFinalizeMs: 30 } });
    const sink = served.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 10));
    await waitUntil(() => sink.describe().stream === null && sink.describe().committed === 10, {
      what: 'the stream is ended',
      deadlineMs: WAIT_MS,
    });
    await sink.drain(NOT_ABORTED);
    expect(await served.metric(FAILURES)).toBe(0);
  });
});
