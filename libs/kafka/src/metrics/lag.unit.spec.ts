import { Metrics } from '@orderstream/observability';
import fc from 'fast-check';
import { observeServers, observeTransactions, type RecordBatch, TransactionFailedError } from '../index';
import { OldestUnsettled } from '../server/oldest-unsettled';
import { PartitionLag } from '../server/partition-lag';
import { type PartitionStatus } from '../server/server-options';

/** The offsets from `from` to `to` - 1, each with a timestamp of ten times its offset. */
const batch = (from: number, to: number): RecordBatch => ({
  topic: 't',
  partition: 0,
  records: Array.from({ length: to - from }, (_, i) => ({
    topic: 't',
    partition: 0,
    offset: from + i,
    timestamp: (from + i) * 10,
    key: null,
    value: null,
    headers: {},
  })),
  nextOffset: to,
});

describe('OldestUnsettled', () => {
  it('returns the timestamp of the oldest unsettled record, then of the queue, then of the last record', () => {
    const oldest = new OldestUnsettled();
    expect(oldest.timestamp(0, undefined)).toBeUndefined();
    expect(oldest.timestamp(0, 70)).toBe(70);
    oldest.handedOver(batch(10, 20), 10);
    oldest.handedOver(batch(20, 20), 10);
    oldest.handedOver(batch(20, 30), 10);
    expect(oldest.timestamp(10, 300)).toBe(100);
    expect(oldest.timestamp(19, 300)).toBe(100);
    expect(oldest.timestamp(20, 300)).toBe(200);
    expect(oldest.timestamp(30, 300)).toBe(300);
    expect(oldest.timestamp(30, undefined)).toBe(200);
  });

  it('knows after a failure the oldest record that is handed over again', () => {
    const oldest = new OldestUnsettled();
    oldest.handedOver(batch(0, 10), 0);
    oldest.handedOver(batch(10, 20), 0);
    oldest.rewind(5);
    expect(oldest.timestamp(5, undefined)).toBe(0);
    oldest.handedOver(batch(5, 25), 5);
    expect(oldest.timestamp(12, undefined)).toBe(50);
    expect(oldest.timestamp(25, 250)).toBe(250);
  });

  it('is never younger than the oldest unsettled record, nor older by more than its batch while at most 1,000 batches are held', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.record({ size: fc.integer({ min: 1, max: 5 }), settled: fc.double({ min: 0, max: 1, noNaN: true }) }),
          {
            maxLength: 1_200,
            size: 'max',
          },
        ),
        (steps) => {
          const oldest = new OldestUnsettled();
          let unsettledFrom = 0;
          let end = 0;
          for (const [index, { size, settled }] of steps.entries()) {
            oldest.handedOver(batch(end, end + size), unsettledFrom);
            end += size;
            if (index % 10 === 0) unsettledFrom += Math.floor((end - unsettledFrom) * settled);
            if (unsettledFrom === end) continue;
            const timestamp = oldest.timestamp(unsettledFrom, undefined) ?? Infinity;
            expect(timestamp).toBeLessThanOrEqual(unsettledFrom * 10);
            if (index < 1_000) expect(timestamp).toBeGreaterThan((unsettledFrom - 5) * 10);
          }
        },
      ),
      { numRuns: 20, endOnFailure: true },
    );
  });
});

describe('PartitionLag', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: 1_000_000 });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('counts the records that wait behind an open transaction, and the time for which it holds them back', () => {
    const lag = new PartitionLag();
    expect(lag.from(0, undefined)).toEqual({ lag: undefined, lagMs: undefined, openTransactionMs: undefined });
    lag.observeEnds({ lastStableOffset: 5, highWatermark: 5 });
    expect(lag.from(5, undefined)).toEqual({ lag: 0, lagMs: 0, openTransactionMs: 0 });
    lag.observeEnds({ lastStableOffset: 5, highWatermark: 6 });
    jest.advanceTimersByTime(70_000);
    lag.observeEnds({ lastStableOffset: 5, highWatermark: 26 });
    expect(lag.from(5, undefined)).toEqual({ lag: 21, lagMs: 70_000, openTransactionMs: 70_000 });
    expect(lag.openTransaction).toEqual({ lastStableOffset: 5, highWatermark: 26, openMs: 70_000 });
    // It ended, and another one is open.
    lag.observeEnds({ lastStableOffset: 20, highWatermark: 26 });
    jest.advanceTimersByTime(1_000);
    expect(lag.from(26, undefined)).toEqual({ lag: 0, lagMs: 0, openTransactionMs: 1_000 });
    lag.observeEnds({ lastStableOffset: 27, highWatermark: 27 });
    expect(lag.openTransaction).toBeUndefined();
  });

  it('takes the age of a readable record from its timestamp, also while a transaction is open', () => {
    const lag = new PartitionLag();
    lag.observeEnds({ lastStableOffset: 5, highWatermark: 9 });
    expect(lag.from(4, 1_000_000 - 3_000)).toMatchObject({ lag: 5, lagMs: 3_000, openTransactionMs: 0 });
  });
});

describe('the metrics of consumers', () => {
  const partition = (fields: Partial<PartitionStatus>): PartitionStatus => ({
    topic: 'a',
    partition: 0,
    state: 'running',
    nextOffset: 1,
    lag: 0,
    lagMs: 0,
    openTransactionMs: 0,
    queuedRecords: 0,
    queuedBytes: 0,
    ...fields,
  });
  const serverOf = (...partitions: PartitionStatus[]) => ({
    describe: () => ({
      group: 'g',
      state: 'joined' as const,
      partitions,
      rebalances: 3,
      programmingErrors: { a: 2 },
    }),
  });

  it('show the lag, the queues and the partitions that do not move of every server as of the scrape', async () => {
    const metrics = new Metrics({ app: 'probe', processMetrics: false });
    const servers = [
      serverOf(
        partition({}),
        partition({ partition: 1, state: 'stopped', lag: 12, lagMs: 3_500, openTransactionMs: 61_500 }),
      ),
    ];
    observeServers(metrics, () => servers);
    servers.push(
      serverOf(
        partition({
          topic: 'b',
          state: 'retrying',
          lag: undefined,
          lagMs: undefined,
          openTransactionMs: undefined,
          queuedBytes: 7,
        }),
      ),
    );
    const text = await metrics.registry.metrics();
    const series = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(series).toEqual([
      'orderstream_consumer_lag_records{topic="a",partition="0",app="probe"} 0',
      'orderstream_consumer_lag_records{topic="a",partition="1",app="probe"} 12',
      'orderstream_consumer_lag_seconds{topic="a",partition="0",app="probe"} 0',
      'orderstream_consumer_lag_seconds{topic="a",partition="1",app="probe"} 3.5',
      'orderstream_open_transaction_seconds{topic="a",partition="0",app="probe"} 0',
      'orderstream_open_transaction_seconds{topic="a",partition="1",app="probe"} 61.5',
      'orderstream_programming_errors_total{topic="a",app="probe"} 4',
      'orderstream_partitions_stopped{topic="a",app="probe"} 1',
      'orderstream_partitions_stopped{topic="b",app="probe"} 0',
      'orderstream_partitions_retrying{topic="a",app="probe"} 0',
      'orderstream_partitions_retrying{topic="b",app="probe"} 1',
      'orderstream_queued_bytes{topic="a",partition="0",app="probe"} 0',
      'orderstream_queued_bytes{topic="a",partition="1",app="probe"} 0',
      'orderstream_queued_bytes{topic="b",partition="0",app="probe"} 7',
      'orderstream_rebalances_total{group="g",app="probe"} 6',
    ]);
    servers.length = 0;
    expect(await metrics.registry.metrics()).not.toContain('topic="a"');
  });

  it('count failed transactions, and apart from them those that another owner fenced', async () => {
    const metrics = new Metrics({ app: 'probe', processMetrics: false });
    const failed = observeTransactions(metrics);
    failed(new TransactionFailedError('timeout', 'unknown', false), { topic: 'a', partition: 1 });
    failed(new TransactionFailedError('fenced', 'aborted', true), { topic: 'a', partition: 2 });
    const text = await metrics.registry.metrics();
    expect(text).toContain('orderstream_transactions_aborted_total{topic="a",app="probe"} 2');
    expect(text).toContain('orderstream_fencings_total{topic="a",app="probe"} 1');
  });
});
