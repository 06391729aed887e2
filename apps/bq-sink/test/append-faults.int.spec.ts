import type { FaultRule } from '../../../test/write-api-server/src/faults';
import type { Appender } from '../src/streams/warehouse';
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
  /** What the failure is counted as. */
  readonly reason: string;
  /** First wait before the partition opens again. */
  readonly afterMs?: number;
  readonly options?: ServedPartitionOptions;
  /** Whether rows are durable that no answer told of. */
  readonly landed?: boolean;
}

const fail = (code: Extract<FaultRule['fault'], { kind: 'fail' }>['code'], inBand: boolean): FaultRule['fault'] => ({
  kind: 'fail',
  code,
  inBand,
});

/** Each code as the end of the call and as an answer within it. */
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
  [`an append is answered ${code}`, { fault: fail(code, true), reason, afterMs }],
]);

const cases: readonly [string, Case][] = [
  ...codes,
  ['an answer is lost with its call', { fault: { kind: 'lose-answer' }, reason: 'unavailable', landed: true }],
  [
    'an answer is lost with its connection',
    { fault: { kind: 'lose-answer', cut: 'socket' }, reason: 'unavailable', landed: true },
  ],
  ['the connection is cut before rows land', { fault: { kind: 'cut', cut: 'socket' }, reason: 'unavailable' }],
  ['rows land when their writer is gone', { fault: { kind: 'land-late', ms: 1_000 }, reason: 'unavailable' }],
  [
    'an answer never comes, and the rows landed',
    {
      fault: { kind: 'never-answer', lands: true },
      options: { appendTimeoutMs: 2_000 },
      reason: 'unavailable',
      landed: true,
    },
  ],
  [
    'an answer never comes, and the rows did not land',
    { fault: { kind: 'never-answer', lands: false }, options: { appendTimeoutMs: 2_000 }, reason: 'unavailable' },
  ],
  [
    'no stream is created, for a quota',
    {
      on: 'CreateWriteStream',
      fault: fail('RESOURCE_EXHAUSTED', false),
      reason: 'throttled',
      afterMs: THROTTLED_MS,
    },
  ],
  [
    'no stream is created for the moment',
    { on: 'CreateWriteStream', fault: fail('UNAVAILABLE', false), reason: 'unavailable' },
  ],
  [
    'a stream is created that nobody is told of',
    { on: 'CreateWriteStream', fault: { kind: 'lose-answer' }, reason: 'unavailable' },
  ],
];

describe('a partition whose appends go wrong', () => {
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
    'has each record once, waits as it should and counts the failure when %s',
    async (_, { fault, on = 'AppendRows', reason, afterMs = TRANSIENT_MS, options, landed = false }) => {
      const served = await serve(options);
      // The third append has others under way before and behind it; of streams, it is the first.
      served.server.faults.add({ on, fault, skip: on === 'AppendRows' ? 2 : 0 });
      const failures = await served.run(RECORDS);
      expect(failures).toMatchObject([{ kind: 'retry', afterMs }]);
      await waitUntil(() => served.server.counts.waiting === 0, {
        what: 'what is still on its way has landed or not',
        deadlineMs: WAIT_MS,
      });
      expect(served.offsets()).toEqual(offsets);
      expect(served.dead()).toEqual([]);
      expect(served.committed.offset).toBe(RECORDS);
      expect(await served.metric(FAILURES)).toBe(1);
      expect(await served.metric(FAILURES, { family: 'orders', reason })).toBe(1);
      expect(await served.metric('orderstream_streams_created_total')).toBe(on === 'AppendRows' ? 2 : 1);
      const skipped = await served.metric('orderstream_rows_skipped_on_recovery_total');
      const told = await served.metric('orderstream_rows_appended_total');
      expect(told + skipped).toBeGreaterThanOrEqual(RECORDS);
      if (landed) expect(skipped).toBeGreaterThanOrEqual(50);
    },
  );

  it.each([
    ['UNAVAILABLE', 'unavailable', TRANSIENT_MS],
    ['RESOURCE_EXHAUSTED', 'throttled', THROTTLED_MS],
    ['PERMISSION_DENIED', 'rejected', THROTTLED_MS],
  ] as const)('tries to end the stream again when that is answered %s', async (code, reason, afterMs) => {
    const served = await serve();
    served.server.faults.add({ on: 'AppendRows', fault: { kind: 'lose-answer' }, skip: 2 });
    served.server.faults.add({ on: 'FinalizeWriteStream', fault: fail(code, false), times: 3 });
    const [lost, ...failures] = await served.run(RECORDS);
    expect(lost).toMatchObject({ kind: 'retry', afterMs: TRANSIENT_MS });
    expect(failures).toMatchObject(Array.from({ length: 3 }, () => ({ kind: 'retry', afterMs })));
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES, { reason })).toBe(reason === 'unavailable' ? 4 : 3);
  });

  it('only goes slower when answers are slow, and shows how slow', async () => {
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
      'BigQuery forgot its stream, which was idle for days',
      'stream-gone',
      (served: ServedPartition) => {
        served.clockMs += 4 * 24 * 3_600_000;
      },
    ],
  ])('goes on in another stream when %s', async (_, reason, happens) => {
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

  it('waits out the quota of new streams, and loses nothing in the hour', async () => {
    const served = await serve({ maxStreamsPerHour: 1 });
    expect(await served.run(100)).toEqual([]);
    const running = served.run(RECORDS);
    await waitUntil(() => served.failures >= 10, { what: 'it has failed ten times', deadlineMs: WAIT_MS });
    expect(served.offsets()).toEqual(offsets.slice(0, 100));
    served.clockMs += 3_600_000;
    const failures = await running;
    // From there the task doubles, up to 30 s: within the hour a partition asks for 120 to 240 streams.
    for (const failure of failures) expect(failure).toMatchObject({ kind: 'retry', afterMs: THROTTLED_MS });
    expect(served.offsets()).toEqual(offsets);
    expect(await served.metric(FAILURES, { reason: 'throttled' })).toBe(failures.length);
    expect(await served.metric('orderstream_streams_created_total')).toBe(2);
  });

  it('settles a rejection when what is behind it is answered ABORTED', async () => {
    const served = await serve();
    const equals = 120;
    served.server.faults.add({ on: 'AppendRows', fault: { kind: 'reject-rows', column: '_kafka_offset', equals } });
    served.server.faults.add({ on: 'AppendRows', fault: fail('ABORTED', true), skip: 3 });
    expect(await served.run(RECORDS)).toEqual([]);
    expect(served.dead()).toEqual([equals]);
    expect(served.offsets()).toEqual(offsets.filter((offset) => offset !== equals));
    expect(await served.metric('orderstream_dead_letters_total', { reason: 'sink.row_rejected' })).toBe(1);
  });

  it('settles a rejection when every time the call ends with it', async () => {
    const served = await serve({ wrap: (appender) => new EndsWithRejection(appender) });
    const equals = 120;
    served.server.faults.add({
      on: 'AppendRows',
      fault: { kind: 'reject-rows', column: '_kafka_offset', equals },
      times: 0,
    });
    const { length: failures } = await served.run(RECORDS);
    // The first time others were under way, and lost.
    expect(failures).toBeGreaterThanOrEqual(1);
    expect(failures).toBeLessThanOrEqual(2);
    expect(served.dead()).toEqual([equals]);
    expect(served.offsets()).toEqual(offsets.filter((offset) => offset !== equals));
  });

  it('does not take an idle partition for one that has failed', async () => {
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

/** A call that ends when it has answered an append with rejected rows: what is behind has no answer. */
class EndsWithRejection implements Appender {
  private hasEnded = false;

  constructor(private readonly appender: Appender) {}

  get usable(): boolean {
    return !this.hasEnded && this.appender.usable;
  }

  async append(...args: Parameters<Appender['append']>): ReturnType<Appender['append']> {
    const outcome = await this.appender.append(...args);
    if (this.hasEnded) return { kind: 'lost', reason: 'unavailable', message: 'the call has ended' };
    if (outcome.kind === 'rejected') this.hasEnded = true;
    return outcome;
  }

  close(): void {
    this.appender.close();
  }
}
