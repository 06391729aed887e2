import { stop } from '@orderstream/kafka';

import { AppendConnection, type AppendConnectionOptions } from '../../../test/write-api-server/src/append-connection';
import { PartitionSinks } from '../src/partition-sinks';
import type { Appender } from '../src/streams/warehouse';
import { recordsFrom, ServedPartition, type ServedPartitionOptions } from './served-partition';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

jest.setTimeout(60_000);

const offsets = (count: number, without: readonly number[] = []): number[] =>
  Array.from({ length: count }, (_, offset) => offset).filter((offset) => !without.includes(offset));
const NOT_ABORTED = new AbortController().signal;

describe('a partition on the Write API server', () => {
  let partition: ServedPartition;
  const serve = async (options: ServedPartitionOptions = {}): Promise<void> => {
    partition = new ServedPartition(options);
    await partition.start();
  };
  afterEach(async () => {
    jest.restoreAllMocks();
    await partition.stop();
  });

  it('holds no more records than the appends in flight and two batches when appends are slow', async () => {
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
    // 3 appends of 100 rows in flight, one sealed batch, and one that is being filled.
    expect(most).toBeLessThanOrEqual(500);
    expect(most).toBeGreaterThanOrEqual(300);
    await sink.drain(NOT_ABORTED);
    expect(partition.offsets()).toEqual(offsets(3_000));
    expect(partition.commits.at(-1)).toBe(3_000);
    expect(partition.commits).toEqual(partition.commits.toSorted((a, b) => a - b));
  });

  it('fills a column that others have added with its default, in every append of a connection', async () => {
    const region = { name: 'region', type: 'STRING', mode: 'REQUIRED', defaultValue: 'EU' } as const;
    await serve({ foreign: [region], limits: { maxBatchRows: 10 } });
    expect(await partition.run(30)).toEqual([]);
    expect(partition.rows().map((row) => row.region)).toEqual(offsets(30).map(() => 'EU'));
  });

  it('continues in the same stream when BigQuery ends the call between two appends', async () => {
    const served = jest.spyOn(AppendConnection.prototype, 'serve').mock.contexts as readonly {
      readonly options: AppendConnectionOptions;
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
    // Without an error, as BigQuery ends idle calls.
    served[0]?.options.call.end();
    await waitUntil(() => appenders[0]?.usable === false, {
      what: 'the appender is no longer usable',
      deadlineMs: WAIT_MS,
    });
    await sink.take(recordsFrom(10, 10));
    await waitUntil(
      () => {
        return sink.describe().committed === 20 || sink.state === 'failed';
      },
      { what: 'the second rows are committed or the sink has failed', deadlineMs: WAIT_MS },
    );
    expect(partition.interruptions).toEqual([]);
    expect(appenders).toHaveLength(2);
    expect(await partition.metric('orderstream_streams_created_total')).toBe(1);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('retries while the table lacks a column, and dead-letters nothing', async () => {
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

  it('ends the stream of an idle partition, and creates another for the next records', async () => {
    await serve({ limits: { idleFinalizeMs: 30 } });
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 10));
    await waitUntil(() => sink.describe().stream === null && sink.describe().committed === 10, {
      what: 'the stream is ended',
      deadlineMs: WAIT_MS,
    });
    expect(partition.committed.metadata).toBe('{"v":2}');
    await sink.take(recordsFrom(10, 10));
    await sink.drain(NOT_ABORTED);
    expect(await partition.metric('orderstream_streams_created_total')).toBe(2);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('fails when an append is not answered in time, and the next owner skips its rows', async () => {
    await serve({ appendTimeoutMs: 100 });
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'never-answer', lands: true } });
    const first = partition.openSink();
    await first.open();
    await first.take(recordsFrom(0, 10));
    await waitUntil(() => partition.interruptions.length > 0, {
      what: 'the append has timed out',
      deadlineMs: WAIT_MS,
    });
    expect(partition.interruptions).toMatchObject([{ kind: 'retry', afterMs: 200, cause: { reason: 'unavailable' } }]);
    const second = partition.openSink();
    expect(await second.open()).toBe(0);
    await second.take(recordsFrom(0, 20));
    await second.drain(NOT_ABORTED);
    expect(await partition.metric('orderstream_rows_skipped_on_recovery_total')).toBe(10);
    expect(partition.offsets()).toEqual(offsets(20));
  });

  it('retries after 5 s when the quota of new streams is used up', async () => {
    await serve();
    partition.server.faults.add({ on: 'CreateWriteStream', fault: { kind: 'fail', code: 'RESOURCE_EXHAUSTED' } });
    const sink = partition.openSink();
    await sink.open();
    expect(await sink.take(recordsFrom(0, 1))).toMatchObject({ kind: 'retry', afterMs: 5_000 });
  });

  it('ends the fallback wait when the partition is revoked', async () => {
    await serve({ limits: { fallbackWaitMs: 3_600_000 } });
    partition.committed = {
      offset: 5,
      metadata: JSON.stringify({
        v: 2,
        s: 'projects/test-project/datasets/d/tables/order_events/streams/forgotten',
        n: 0,
      }),
    };
    const revoked = new AbortController();
    const sinks = new PartitionSinks(
      () => partition.openSink(),
      (_, cause) => stop(new Error('failed', { cause })),
    );
    const opening = sinks.open({ topic: 't', partition: 0 }, revoked.signal);
    await waitUntil(() => partition.isWaiting, {
      what: 'the sink waits before the fallback query',
      deadlineMs: WAIT_MS,
    });
    const sink = sinks.find({ topic: 't', partition: 0 });
    revoked.abort();
    await expect(opening).rejects.toMatchObject({ name: 'AbortError' });
    expect(sink?.state).toBe('closed');
  });

  it('stops when the log starts after the committed position', async () => {
    await serve();
    partition.committed = { offset: 5, metadata: '{"v":2}' };
    partition.logStart = 7;
    await expect(partition.openSink().open()).rejects.toMatchObject({
      code: 'RECOVERY_AMBIGUOUS',
      message: expect.stringMatching(/the log starts at 7, after the committed position 5:/) as string,
    });
  });
});
