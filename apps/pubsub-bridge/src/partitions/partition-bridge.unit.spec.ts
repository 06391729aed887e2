import { status } from '@grpc/grpc-js';
import { TABLES } from '@orderstream/contracts';
import type { KafkaRecord, RecordBatch } from '@orderstream/kafka';
import type { PublishCall, PublisherOptions, PublishMessage } from '@orderstream/pubsub';

import { BodyCheck } from '../body/body-check';
import { PartitionBridge, type PartitionBridgeDependencies, type RejectedRecord } from './partition-bridge';

const PARTITION = { topic: 'orders', partition: 2 };
const OPTIONS: PublisherOptions = {
  topic: 'projects/p/topics/t',
  ordering: 'key',
  lingerMs: 0,
  maxBatchMessages: 2,
  maxBatchBytes: 1_000_000,
  maxConcurrentRequests: 8,
  maxUnackedMessages: 100,
  maxUnackedBytes: 1_000_000,
  retryTimeoutMs: 0,
  backoffMs: { first: 0, max: 0 },
};

const record = (offset: number, value: string, key = 'k'): KafkaRecord => ({
  ...PARTITION,
  offset,
  timestamp: 0,
  key: Buffer.from(key),
  value: Buffer.from(value),
  headers: { ce_id: Buffer.from(`e${String(offset)}`) },
});
const good = (offset: number, key?: string): KafkaRecord => record(offset, '{"event_id":"e"}', key);
const batch = (records: readonly KafkaRecord[], nextOffset: number): RecordBatch => ({
  ...PARTITION,
  records,
  nextOffset,
  highWatermark: nextOffset,
});

/** A request under way, and how it ends. */
interface Request {
  readonly messages: readonly PublishMessage[];
  readonly end: (code?: status) => void;
}

function setUp(deadLetter: PartitionBridgeDependencies['deadLetter'] = () => Promise.resolve()) {
  const requests: Request[] = [];
  const publish: PublishCall = (messages) =>
    new Promise((resolve, reject) => {
      requests.push({
        messages,
        end: (code) => {
          if (code === undefined) resolve();
          else reject(Object.assign(new Error(status[code]), { code }));
        },
      });
    });
  const dead: RejectedRecord[] = [];
  const published: number[] = [];
  const failures: Error[] = [];
  const parts: PartitionBridgeDependencies = {
    publish,
    options: OPTIONS,
    body: new BodyCheck(TABLES.streaming_orders?.columns ?? []),
    deadLetter: async (rejected) => {
      await deadLetter(rejected);
      dead.push(...rejected);
    },
    observer: {
      published: (records) => published.push(...records.map(({ offset }) => offset)),
      requested: () => undefined,
    },
    maxBatchRecords: 10,
  };
  const partitionBridge = new PartitionBridge(PARTITION, parts, (error) => failures.push(error));
  return { partitionBridge, requests, dead, published, failures };
}

const settled = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 5));

describe('PartitionBridge', () => {
  it('never lets the position pass a record that is not settled, whatever order the answers come in', async () => {
    const { partitionBridge, requests } = setUp();
    await partitionBridge.take(batch([good(10, 'a'), good(11, 'b'), good(14, 'c')], 20));
    await settled();
    expect(partitionBridge.committable()).toBe(10);
    requests[2]?.end();
    requests[1]?.end();
    await settled();
    expect(partitionBridge.committable()).toBe(10);
    expect(partitionBridge.unacknowledged).toBe(1);
    requests[0]?.end();
    await settled();
    // Past the markers at the end of the batch.
    expect(partitionBridge.committable()).toBe(20);
  });

  it('dead-letters what the table does not take, without publishing it, and settles it', async () => {
    const { partitionBridge, requests, dead } = setUp();
    await partitionBridge.take(batch([record(1, 'not JSON'), record(2, '{"unknown":1}')], 3));
    expect(requests).toHaveLength(0);
    expect(dead.map(({ reasons }) => reasons[0]?.code)).toEqual([
      'structure.malformed_json',
      'structure.invalid_field',
    ]);
    expect(partitionBridge.committable()).toBe(3);
  });

  it('isolates a rejected message, dead-letters it, and lets its key go on in order', async () => {
    const { partitionBridge, requests, dead, published } = setUp();
    await partitionBridge.take(batch([good(1), good(2), good(3)], 4));
    await settled();
    requests[0]?.end(status.INVALID_ARGUMENT);
    await settled();
    requests[1]?.end(status.INVALID_ARGUMENT);
    await settled();
    requests[2]?.end();
    await settled();
    requests[3]?.end();
    await settled();
    expect(requests.map(({ messages }) => messages.length)).toEqual([2, 1, 1, 1]);
    expect(dead.map(({ record: { offset } }) => offset)).toEqual([1]);
    expect(dead[0]?.reasons).toEqual([
      { code: 'publish.rejected', constraint: expect.stringContaining('INVALID_ARGUMENT') as string },
    ]);
    expect(published).toEqual([2, 3]);
    expect(partitionBridge.committable()).toBe(4);
  });

  it('dead-letters headers that no attributes can hold', async () => {
    const { partitionBridge, dead } = setUp();
    await partitionBridge.take(batch([{ ...good(1), headers: { huge: Buffer.alloc(100_000) } }], 2));
    expect(dead[0]?.reasons).toEqual([{ code: 'publish.attributes_overflow' }]);
  });

  it('fails with the position behind everything unsettled when Pub/Sub or the dead letters fail', async () => {
    const first = setUp();
    await first.partitionBridge.take(batch([good(1), good(2)], 3));
    const drained = first.partitionBridge.drain(new AbortController().signal);
    first.requests[0]?.end(status.UNAVAILABLE);
    await expect(drained).rejects.toThrow('did not take a request');
    expect(first.failures).toHaveLength(1);
    expect(first.partitionBridge.committable()).toBe(1);

    const second = setUp(() => Promise.reject(new Error('no broker')));
    await expect(second.partitionBridge.take(batch([record(5, 'x')], 6))).rejects.toThrow('no broker');
    expect(second.partitionBridge.committable()).toBe(5);
  });

  it('gives up a drain when told to, and leaves the rest to the next owner', async () => {
    const { partitionBridge } = setUp();
    await partitionBridge.take(batch([good(1)], 2));
    const controller = new AbortController();
    const drained = partitionBridge.drain(controller.signal);
    controller.abort(new Error('time is up'));
    await expect(drained).rejects.toThrow('time is up');
    expect(partitionBridge.committable()).toBe(1);
  });
});
