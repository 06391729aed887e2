import { createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { envelopeHeaders, EVENT_CONTRACTS, validatedTopic } from '@orderstream/contracts';
import { type KafkaRecord, type RecordBatch } from '@orderstream/kafka';

import { MemoryBackend } from '../../../test/write-api-server/src/memory-backend';
import { WriteApiServer } from '../../../test/write-api-server/src/write-api-server';
import { NO_FAULTS } from '../src/streams/fault-points';
import { PartitionSink } from '../src/streams/partition-sink';
import { RowMapper } from '../src/streams/row-mapper';

const PARTITION = { topic: validatedTopic('orders'), partition: 0 };
const CONTRACT = EVENT_CONTRACTS.get('order.placed');
const VALUE = Buffer.from(
  JSON.stringify(Object.fromEntries((CONTRACT?.columns ?? []).map(({ name, example }) => [name, example]))),
);
const HEADERS = envelopeHeaders({ id: '1', type: 'order.placed', source: 'test', time: '2026-01-02T03:04:05.678Z' });

function batch(from: number, count: number): RecordBatch {
  const records = Array.from({ length: count }, (_, index): KafkaRecord => ({
    ...PARTITION,
    offset: from + index,
    timestamp: 0,
    key: null,
    value: VALUE,
    headers: HEADERS,
  }));
  return { ...PARTITION, records, nextOffset: from + count, highWatermark: from + count };
}

describe('a partition over a Write API that is slow', () => {
  const backend = new MemoryBackend({ keepRows: false });
  const server = new WriteApiServer({ backend });
  let streams: WriteStreams;
  beforeAll(async () => {
    const grpcEndpoint = await server.start();
    streams = new WriteStreams(
      createWriteClient({ project: 'test-project', dataset: 'd', location: 'US', grpcEndpoint }),
    );
  });
  afterAll(async () => {
    await streams.close();
    await server.stop();
  });

  const commits: number[] = [];
  async function openSink(): Promise<PartitionSink> {
    const mapper = new RowMapper('orders');
    const limits = {
      lingerMs: 10,
      maxBatchRows: 100,
      maxBatchBytes: 1_000_000,
      maxInFlight: 3,
      commitIntervalMs: 10,
      idleFinalizeMs: 60_000,
      fallbackWaitMs: 0,
    };
    const sink = new PartitionSink({
      partition: PARTITION,
      limits,
      mapper,
      warehouse: {
        createStream: () => streams.create({ project: 'test-project', dataset: 'd', table: 't' }, mapper.columns),
        finalize: (stream) => streams.finalize(stream),
        connect: (stream) =>
          streams.connect({ stream, schema: mapper.schema, appendTimeoutMs: 10_000, maxInFlight: 3 }),
        lastOffset: () => Promise.resolve(undefined),
      },
      openTransactions: () =>
        Promise.resolve({
          committed: { offset: undefined, metadata: undefined },
          commit: ({ offset }) => Promise.resolve(void commits.push(offset)),
          close: () => Promise.resolve(),
        }),
      logBounds: () => Promise.resolve({ start: 0, end: 1_000_000 }),
      delay: () => Promise.resolve(),
      now: () => new Date(),
      faults: NO_FAULTS,
      observer: {
        appending: () => undefined,
        appended: () => undefined,
        refused: () => undefined,
        skipped: () => undefined,
        streamCreated: () => undefined,
        fellBack: () => undefined,
        committed: () => undefined,
      },
      outcomeOf: (cause) => ({ kind: 'retry', afterMs: 0, cause }),
      interrupt: () => undefined,
    });
    await sink.open();
    return sink;
  }

  it('makes the lane wait, and holds no more than what may be under way and one batch', async () => {
    server.faults.add({ on: 'AppendRows', fault: { kind: 'delay', ms: 20 }, times: 0 });
    const sink = await openSink();
    let most = 0;
    for (let from = 0; from < 3_000; from += 250) {
      expect(await sink.take(batch(from, 250))).toEqual({ kind: 'ack' });
      most = Math.max(most, sink.describe().pendingRecords);
      expect(server.counts.waiting).toBeLessThanOrEqual(3);
    }
    // 3 appends of 100 rows under way, one that waits for its turn, one that fills.
    expect(most).toBeLessThanOrEqual(500);
    expect(most).toBeGreaterThanOrEqual(300);
    await sink.drain(new AbortController().signal);
    expect(backend.rowCount).toBe(3_000);
    expect(commits.at(-1)).toBe(3_000);
    expect(commits).toEqual(commits.toSorted((a, b) => a - b));
    await sink.close();
  }, 30_000);
});
