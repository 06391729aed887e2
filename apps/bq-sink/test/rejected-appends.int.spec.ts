import { setTimeout as delay } from 'node:timers/promises';

import type { AppendOutcome, RowBuffer } from '@orderstream/bigquery';

import type { Appender } from '../src/streams/warehouse';
import { offsetsOf } from './replay/log';
import { recordsFrom, ServedPartition, type ServedPartitionOptions } from './served-partition';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

jest.setTimeout(60_000);

const RECORDS = 500;
const offsets = (count: number, without: readonly number[] = []): number[] =>
  Array.from({ length: count }, (_, offset) => offset).filter((offset) => !without.includes(offset));
const NOT_ABORTED = new AbortController().signal;

describe('a partition whose rows BigQuery rejects', () => {
  let partition: ServedPartition;
  const serve = async (options: ServedPartitionOptions = {}): Promise<void> => {
    partition = new ServedPartition(options);
    await partition.start();
  };
  afterEach(() => partition.stop());

  it('dead-letters only the rows that BigQuery rejects, with appends in flight before and behind them', async () => {
    await serve({ limits: { maxBatchRows: 10 } });
    // In the third, the fifth and the sixth append; the last two are adjacent.
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
    expect(partition.committed).toEqual({ offset: 100, metadata: '{"v":2}' });
    expect(partition.interruptions).toEqual([]);
  });

  it('appends what lies before a rejected row, dead-letters it in one commit, and goes on: one append and one commit each', async () => {
    await serve({ limits: { maxBatchRows: 10, maxInFlight: 1 } });
    for (const offset of [3, 6, 7]) {
      partition.server.faults.add({
        on: 'AppendRows',
        times: 0,
        fault: { kind: 'reject-rows', column: '_kafka_offset', equals: offset },
      });
    }
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 10));
    await sink.drain(NOT_ABORTED);
    // The answer to the first append names all three.
    expect(partition.server.counts.requests).toBe(4);
    expect(partition.deadLetterCommits).toEqual([4, 8]);
    expect(partition.dead()).toEqual([3, 6, 7]);
    expect(partition.offsets()).toEqual(offsets(10, [3, 6, 7]));
    expect(await partition.metric('orderstream_streams_created_total')).toBe(1);
  });

  it.each([0, 1])('settles the transaction markers behind a batch in which offset %i is rejected', async (equals) => {
    await serve();
    partition.server.faults.add({
      on: 'AppendRows',
      times: 0,
      fault: { kind: 'reject-rows', column: '_kafka_offset', equals },
    });
    // The markers come after the batch was sent.
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'delay', ms: 200 } });
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 2));
    await waitUntil(() => partition.server.counts.requests === 1, { what: 'the batch is sent', deadlineMs: WAIT_MS });
    await sink.take({ ...recordsFrom(2, 0), nextOffset: 3 });
    await waitUntil(() => partition.committed.offset === 3, { what: 'the marker is committed', deadlineMs: WAIT_MS });
    await waitUntil(() => partition.dead().length === 1, { what: 'the dead letter is committed', deadlineMs: WAIT_MS });
    await sink.take({ ...recordsFrom(3, 0), nextOffset: 5 });
    await waitUntil(() => partition.committed.offset === 5, { what: 'all markers are committed', deadlineMs: WAIT_MS });
    expect(partition.interruptions).toEqual([]);
  });

  it('stops after 20 rejected rows without an accepted one, and each resume dead-letters 20 more', async () => {
    await serve();
    const fault = { kind: 'reject-rows', column: '_kafka_partition', equals: 0 } as const;
    partition.server.faults.add({ on: 'AppendRows', times: 0, fault });
    const [failure, ...more] = await partition.run(100);
    expect(more).toEqual([]);
    expect(failure).toMatchObject({
      kind: 'stop',
      cause: {
        code: 'ROWS_REJECTED',
        message: expect.stringMatching(/20 records were rejected .* offset 20 is rejected, too \(sink.row_rejected: /),
      },
    });
    expect(partition.dead()).toEqual(offsets(20));
    expect(partition.committed.offset).toBe(20);
    expect(await partition.run(100)).toMatchObject([{ kind: 'stop' }]);
    expect(partition.dead()).toEqual(offsets(40));
    partition.server.faults.remove();
    expect(await partition.run(100)).toEqual([]);
    expect(partition.offsets()).toEqual(offsets(100).slice(40));
  });

  it('does not stop when an accepted row lies between 20 rejected ones and the next', async () => {
    await serve();
    const rejected = [...offsets(20), ...offsets(41).slice(21)];
    const sink = partition.openSink();
    await sink.open();
    await sink.take(recordsFrom(0, 42, (offset) => (rejected.includes(offset) ? { stranger: 1 } : {})));
    await sink.drain(NOT_ABORTED);
    expect(partition.interruptions).toEqual([]);
    expect(partition.dead()).toEqual(rejected);
    expect(partition.offsets()).toEqual([20, 41]);
  });

  it('dead-letters a record that the encoder rejects directly behind one that BigQuery rejects', async () => {
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

  it('dead-letters a rejected row when the append behind it is answered with ABORTED', async () => {
    await serve({ limits: { maxBatchRows: 50 } });
    const equals = 120;
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'reject-rows', column: '_kafka_offset', equals } });
    partition.server.faults.add({ on: 'AppendRows', fault: { kind: 'fail', code: 'ABORTED', inBand: true }, skip: 3 });
    expect(await partition.run(RECORDS)).toEqual([]);
    expect(partition.dead()).toEqual([equals]);
    expect(partition.offsets()).toEqual(offsets(RECORDS, [equals]));
    expect(await partition.metric('orderstream_dead_letters_total', { reason: 'sink.row_rejected' })).toBe(1);
  });

  it('dead-letters a rejected row when each rejection ends the call', async () => {
    await serve({ limits: { maxBatchRows: 50 }, wrap: (appender) => new EndsWithRejection(appender) });
    const equals = 120;
    partition.server.faults.add({
      on: 'AppendRows',
      fault: { kind: 'reject-rows', column: '_kafka_offset', equals },
      times: 0,
    });
    const { length: failures } = await partition.run(RECORDS);
    // The first attempt has other appends in flight, which are lost.
    expect(failures).toBeGreaterThanOrEqual(1);
    expect(failures).toBeLessThanOrEqual(2);
    expect(partition.dead()).toEqual([equals]);
    expect(partition.offsets()).toEqual(offsets(RECORDS, [equals]));
  });

  it('halves an append that BigQuery rejects as a whole, and dead-letters the record that is the cause', async () => {
    const culprits = [77, 78, 130];
    await serve({ limits: { maxBatchRows: 50 }, wrap: (appender) => new RejectsRequests(appender, culprits, 'error') });
    expect(await partition.run(RECORDS)).toEqual([]);
    expect(partition.dead()).toEqual(culprits);
    expect(partition.offsets()).toEqual(offsets(RECORDS, culprits));
    expect(await partition.metric('orderstream_streams_created_total')).toBe(1);
  });

  it('finds the record for which BigQuery ends the call with INVALID_ARGUMENT, in a bounded number of attempts', async () => {
    await serve({ limits: { maxBatchRows: 50 }, wrap: (appender) => new RejectsRequests(appender, [77], 'lost') });
    const failures = await partition.run(RECORDS);
    // From 50 rows, halved, with the appends that were in flight.
    expect(failures.length).toBeLessThanOrEqual(15);
    expect(partition.dead()).toEqual([77]);
    expect(partition.offsets()).toEqual(offsets(RECORDS, [77]));
    expect(await partition.metric('orderstream_partition_failures_total', { reason: 'invalid-request' })).toBe(
      failures.length,
    );
  });

  it('stops when BigQuery rejects every append as a whole', async () => {
    await serve({ limits: { maxBatchRows: 50 } });
    partition.server.faults.add({
      on: 'AppendRows',
      fault: { kind: 'fail', code: 'INVALID_ARGUMENT', inBand: true },
      times: 0,
    });
    expect(await partition.run(RECORDS)).toMatchObject([{ kind: 'stop', cause: { code: 'ROWS_REJECTED' } }]);
    expect(partition.dead()).toEqual(offsets(20));
    expect(partition.offsets()).toEqual([]);
  });
});

/** Rejects each append that has the row of one of these offsets, without row errors. `lost`: and ends the call. */
class RejectsRequests implements Appender {
  private hasEnded = false;

  constructor(
    private readonly appender: Appender,
    private readonly culprits: readonly number[],
    private readonly kind: 'error' | 'lost',
  ) {}

  get usable(): boolean {
    return !this.hasEnded && this.appender.usable;
  }

  async append(rows: RowBuffer, at: number): Promise<AppendOutcome> {
    const outcome = { kind: this.kind, reason: 'invalid-request', message: 'invalid' } as const;
    const isInvalid = offsetsOf(rows).some((offset) => this.culprits.includes(offset));
    if (isInvalid || this.hasEnded) {
      const isBehind = this.hasEnded && this.kind === 'error';
      this.hasEnded = true;
      await delay(5);
      return isBehind ? { kind: 'error', reason: 'out-of-range', message: 'behind' } : outcome;
    }
    return this.appender.append(rows, at);
  }

  close(): void {
    this.appender.close();
  }
}

/** A call that ends after it has answered an append with rejected rows. Appends behind it are not answered. */
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
