import { stop } from '@orderstream/kafka';

import { AppendConnection, type AppendConnectionParts } from '../../../test/write-api-server/src/append-connection';
import { PartitionSinks } from '../src/partition-sinks';
import type { Appender } from '../src/streams/warehouse';
import { recordsFrom, ServedPartition, type ServedPartitionOptions } from './served-partition';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

jest.setTimeout(60_000);

const offsets = (count: number, without: readonly number[] = []): number[] =>
  Array.from({ length: count }, (_, offset) => offset).filter((offset) => !without.includes(offset));
const NOT_ABORTED = new AbortController().signal;

describe('a partition on a Write API', () => {
  let partition: ServedPartition;
  const serve = async (options: ServedPartitionOptions = {}): Promise<void> => {
    partition = new ServedPartition(options);
    await partition.start();
  };
  afterEach(async () => {
    jest.restoreAllMocks();
    await partition.stop();
  });

  it('makes the task wait when appends are slow, and holds no more than what may be under way and one batch', async () => {
    await serve();
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'delay', ms: 20 }, times: 0 });
    const sink = partition.openSink();
    await sink.open();
    let most = 0;
    for (let from = 0; from < 3_000; from += 250) {
      expect(await sink.take(recordsFrom(from, 250))).toEqual({ kind: 'ack' });
      most = Math.max(most, sink.describe().pendingRecords);
      expect(partition.server.counts.waiting).toBeLessThanOrEqual(3);
    }
    // 3 appends of 100 rows under way, one that waits for its turn, one that fills.
    expect(most).toBeLessThanOrEqual(500);
    expect(most).toBeGreaterThanOrEqual(300);
    await sink.drain(NOT_ABORTED);
    expect(partition.offsets()).toEqual(offsets(3_000));
    expect(partition.commits.at(-1)).toBe(3_000);
    expect(partition.commits).toEqual(partition.commits.toSorted((a, b) => a - b));
  });

  it('dead-letters rows that only BigQuery rejects, alone, with appends under way before and behind them', async () => {
    await serve({ limits: { maxBatchRows: 10 } });
    // The third, the fifth and the sixth append: two of them neighbours.
    const rejected = [20, 25, 29, 44, 50];
    for (const offset of rejected) {
      partition.server.faults.add({
        on: 'AppendRows',
        times: 0,
        fault: { kind: 'reject-rows', column: '_kafka_offset', equals: offset },
      });
    }
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'delay', ms: 10 }, times: 0 });
    const sink = partition.openSink();
    await sink.open();
    expect(await sink.take(recordsFrom(0, 100))).toEqual({ kind: 'ack' });
    await sink.drain(NOT_ABORTED);
    expect(partition.offsets()).toEqual(offsets(100, rejected));
    expect(partition.dead()).toEqual(rejected);
    expect(partition.committed).toEqual({ offset: 100, metadata: '{"v":1,"e":""}' });
    expect(partition.interruptions).toEqual([]);
  });

  it('goes on when the encoder rejects a record behind one that BigQuery rejects', async () => {
    await serve({ limits: { maxBatchRows: 1 } });
    partition.server.faults.add({
      on: 'AppendRows',
      times: 0,
      fault: { kind: 'reject-rows', column: '_kafka_offset', equals: 0 },
    });
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 4, (offset) => (offset === 1 ? { stranger: 1 } : {})));
    await sink.drain(NOT_ABORTED);
    expect(partition.interruptions).toEqual([]);
    expect(partition.offsets()).toEqual([2, 3]);
    expect(partition.dead()).toEqual([0, 1]);
  });

  it('goes on in the same stream when BigQuery ends the call between two appends', async () => {
    const served = jest.spyOn(AppendConnection.prototype, 'serve').mock.contexts as readonly {
      readonly parts: AppendConnectionParts;
    }[];
    const appenders: Appender[] = [];
    await serve({
      wrap: (appender) => {
        appenders.push(appender);
        return appender;
      },
    });
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 10));
    await waitUntil(() => sink.describe().committed === 10, {
      what: 'the first rows are committed',
      deadlineMs: WAIT_MS,
    });
    // Without an error, as it does with idle ones.
    served[0]?.parts.call.end();
    await waitUntil(() => appenders[0]?.usable === false, { what: 'the sink has learnt of it', deadlineMs: WAIT_MS });
    await sink.take(recordsFrom(10, 10));
    await waitUntil(
      () => {
        return sink.describe().committed === 20 || sink.state === 'failed';
      },
      { what: 'the second rows are committed or given up', deadlineMs: WAIT_MS },
    );
    expect(partition.interruptions).toEqual([]);
    expect(appenders).toHaveLength(2);
    expect(await partition.metric('orderstream_streams_created_total')).toBe(1);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('waits for a column that the table does not know yet, and dead-letters nothing', async () => {
    await serve({ without: ['item_name'] });
    const first = partition.openSink();
    await first.open();
    expect(await first.take(recordsFrom(0, 10))).toMatchObject({
      kind: 'retry',
      cause: { code: 'SCHEMA_BEHIND', retriable: true },
    });
    await first.close();
    partition.addMissingColumns();
    const second = partition.openSink();
    expect(await second.open()).toBe(0);
    expect(await second.take(recordsFrom(0, 10))).toEqual({ kind: 'ack' });
    await second.drain(NOT_ABORTED);
    expect(partition.offsets()).toEqual(offsets(10));
    expect(partition.dead()).toEqual([]);
  });

  it('ends the stream of an idle partition, and begins another when records come', async () => {
    await serve({ limits: { idleFinalizeMs: 30 } });
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 10));
    await waitUntil(() => sink.describe().stream === null && sink.describe().committed === 10, {
      what: 'the stream is ended',
      deadlineMs: WAIT_MS,
    });
    expect(partition.committed.metadata).toBe('{"v":1,"e":""}');
    await sink.take(recordsFrom(10, 10));
    await sink.drain(NOT_ABORTED);
    expect(await partition.metric('orderstream_streams_created_total')).toBe(2);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('loses an append whose answer does not come in time, and the next owner counts it', async () => {
    await serve({ appendTimeoutMs: 100 });
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'never-answer', lands: true } });
    const first = partition.openSink();
    await first.open();
    await first.take(recordsFrom(0, 10));
    await waitUntil(() => partition.interruptions.length > 0, { what: 'the append is given up', deadlineMs: WAIT_MS });
    expect(partition.interruptions).toMatchObject([{ kind: 'retry', afterMs: 200, cause: { reason: 'unavailable' } }]);
    const second = partition.openSink();
    expect(await second.open()).toBe(0);
    await second.take(recordsFrom(0, 20));
    await second.drain(NOT_ABORTED);
    expect(await partition.metric('orderstream_rows_skipped_on_recovery_total')).toBe(10);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('backs off for seconds when BigQuery creates no more streams', async () => {
    await serve();
    partition.server.faults.add({ on: 'CreateWriteStream', fault: { kind: 'fail', code: 'RESOURCE_EXHAUSTED' } });
    const sink = partition.openSink();
    await sink.open();
    expect(await sink.take(recordsFrom(0, 1))).toMatchObject({ kind: 'retry', afterMs: 5_000 });
  });

  it('does not sit out the wait for a stream that is gone when the partition is revoked', async () => {
    await serve({ limits: { fallbackWaitMs: 3_600_000 } });
    partition.committed = {
      offset: 5,
      metadata: JSON.stringify({
        v: 1,
        s: 'projects/test-project/datasets/d/tables/order_events/streams/forgotten',
        n: 0,
        e: '',
      }),
    };
    const revoked = new AbortController();
    const sinks = new PartitionSinks(
      () => partition.openSink(),
      (_, cause) => stop(new Error('failed', { cause })),
    );
    const opening = sinks.open({ topic: 't', partition: 0 }, revoked.signal);
    await waitUntil(() => partition.isWaiting, { what: 'the stream is asked for', deadlineMs: WAIT_MS });
    const sink = sinks.find({ topic: 't', partition: 0 });
    revoked.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
    expect(sink?.state).toBe('closed');
  });

  it('stops and asks when the log begins behind the committed position', async () => {
    await serve();
    partition.committed = { offset: 5, metadata: '{"v":1,"e":""}' };
    partition.logStart = 7;
    await expect(partition.openSink().open()).rejects.toMatchObject({ code: 'RECOVERY_AMBIGUOUS' });
  });
});
