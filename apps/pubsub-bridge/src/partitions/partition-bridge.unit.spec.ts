import { status } from '@grpc/grpc-js';
import { TABLES } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import type { KafkaRecord, RecordBatch } from '@orderstream/kafka';
import type { PublishCall, PublisherOptions, PublishMessage } from '@orderstream/pubsub';
import fc from 'fast-check';

import { BodyCheck } from '../body/body-check';
import { PartitionBridge, type PartitionBridgeDependencies, type RejectedRecord } from './partition-bridge';
import { RejectionPolicy } from './rejection-policy';

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
});

/** A request in flight; `end` answers it. */
interface Request {
  readonly messages: readonly PublishMessage[];
  readonly end: (code?: status) => void;
}

function setUp(
  deadLetter: PartitionBridgeDependencies['deadLetter'] = () => Promise.resolve(),
  reasonOfTopic: () => Promise<string | undefined> = () => Promise.resolve(undefined),
) {
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
  const dependencies: PartitionBridgeDependencies = {
    publish,
    options: OPTIONS,
    body: new BodyCheck(TABLES.streaming_orders?.columns ?? []),
    deadLetter: async (rejected) => {
      await deadLetter(rejected);
      dead.push(...rejected);
    },
    rejections: new RejectionPolicy(reasonOfTopic),
    observer: {
      published: (records) => published.push(...records.map(({ offset }) => offset)),
      requested: () => undefined,
    },
    maxBatchRecords: 10,
  };
  const bridge = new PartitionBridge(PARTITION, dependencies, (error) => failures.push(error));
  return { bridge, requests, dead, published, failures };
}

/** Runs what was queued by the answers to requests. */
const settled = (): Promise<void> => new Promise(setImmediate);
async function sent(requests: readonly Request[], count: number): Promise<void> {
  const what = `${String(count)} requests`;
  await waitUntil(() => requests.length >= count, { what, deadlineMs: 2_000, intervalMs: 1 });
}

describe('PartitionBridge', () => {
  it('commits up to the lowest unsettled record, in whatever order the answers arrive', async () => {
    const answers = fc
      .uniqueArray(fc.nat(50), { minLength: 1, maxLength: 8 })
      .chain((offsets) =>
        fc.tuple(
          fc.constant(offsets.toSorted((a, b) => a - b)),
          fc.shuffledSubarray(offsets, { minLength: offsets.length }),
        ),
      );
    await fc.assert(
      fc.asyncProperty(answers, async ([offsets, order]) => {
        const { bridge, requests } = setUp();
        // The offsets between the last record and the next batch are transaction markers.
        await bridge.take(
          batch(
            offsets.map((offset) => good(offset, `key ${String(offset)}`)),
            60,
          ),
        );
        await sent(requests, offsets.length);
        const unsettled = new Set(offsets);
        for (const offset of order) {
          expect(bridge.committable()).toBe(Math.min(...unsettled));
          expect(bridge.unacknowledged).toBe(unsettled.size);
          requests.find(({ messages: [first] }) => first?.orderingKey === `key ${String(offset)}`)?.end();
          await settled();
          unsettled.delete(offset);
        }
        expect(bridge.committable()).toBe(60);
      }),
      { numRuns: 30 },
    );
  });

  it('dead-letters a body that does not fit the table, without publishing it, and settles its record', async () => {
    const { bridge, requests, dead } = setUp();
    await bridge.take(batch([record(1, 'not JSON'), record(2, '{"unknown":1}')], 3));
    expect(requests).toHaveLength(0);
    expect(dead.map(({ reasons }) => reasons[0]?.code)).toEqual([
      'structure.malformed_json',
      'structure.invalid_field',
    ]);
    expect(bridge.committable()).toBe(3);
  });

  it('isolates a rejected message, dead-letters it alone, and publishes the others of its key in order', async () => {
    const { bridge, requests, dead, published } = setUp();
    await bridge.take(batch([good(1), good(2), good(3)], 4));
    await sent(requests, 1);
    requests[0]?.end(status.INVALID_ARGUMENT);
    await settled();
    requests[1]?.end(status.INVALID_ARGUMENT);
    await settled();
    requests[2]?.end();
    await sent(requests, 4);
    requests[3]?.end();
    await settled();
    expect(requests.map(({ messages }) => messages.length)).toEqual([2, 1, 1, 1]);
    expect(dead.map(({ record: { offset } }) => offset)).toEqual([1]);
    expect(dead[0]?.reasons).toEqual([
      { code: 'publish.rejected', constraint: expect.stringContaining('INVALID_ARGUMENT') as string },
    ]);
    expect(published).toEqual([2, 3]);
    expect(bridge.committable()).toBe(4);
  });

  it('dead-letters a record whose headers do not fit into attributes, without publishing it', async () => {
    const { bridge, requests, dead } = setUp();
    await bridge.take(batch([{ ...good(1), headers: { huge: Buffer.alloc(100_000) } }], 2));
    expect(requests).toHaveLength(0);
    expect(dead.map(({ reasons }) => reasons)).toEqual([[{ code: 'publish.attributes_overflow' }]]);
    expect(bridge.committable()).toBe(2);
  });

  it('fails without moving the committable offset when Pub/Sub or the dead letters fail', async () => {
    const first = setUp();
    await first.bridge.take(batch([good(1), good(2)], 3));
    const drained = first.bridge.drain(new AbortController().signal);
    first.requests[0]?.end(status.UNAVAILABLE);
    await expect(drained).rejects.toThrow('a publish request to projects/p/topics/t failed');
    expect(first.failures).toHaveLength(1);
    expect(first.bridge.committable()).toBe(1);

    const second = setUp(() => Promise.reject(new Error('no broker')));
    await expect(second.bridge.take(batch([record(5, 'x')], 6))).rejects.toThrow('no broker');
    expect(second.bridge.committable()).toBe(5);
  });

  it('ends a drain when the signal aborts, with the committable offset at the unsettled record', async () => {
    const { bridge } = setUp();
    await bridge.take(batch([good(1)], 2));
    const controller = new AbortController();
    const drained = bridge.drain(controller.signal);
    controller.abort(new Error('time is up'));
    await expect(drained).rejects.toThrow('time is up');
    expect(bridge.committable()).toBe(1);
  });

  it('dead-letters nothing when the settings of the topic reject everything, and stops at the first record', async () => {
    const { bridge, requests, dead, failures } = setUp(undefined, () => Promise.resolve('the topic has a schema'));
    await bridge.take(batch([good(1), good(2)], 3));
    await sent(requests, 1);
    requests[0]?.end(status.INVALID_ARGUMENT);
    await sent(requests, 2);
    requests[1]?.end(status.INVALID_ARGUMENT);
    await settled();
    expect(failures).toMatchObject([{ code: 'TOPIC_REJECTS_ALL', retriable: false }]);
    expect(failures[0]?.message).toMatch(
      /orders\/2@1 .*the topic has a schema.*POST \/admin\/resume.*docs\/pubsub-bridge\.md/,
    );
    expect(dead).toEqual([]);
    expect(bridge.committable()).toBe(1);
  });

  it('stops after 20 rejected messages with none accepted between them, whatever partition they are of', async () => {
    const policy = new RejectionPolicy(() => Promise.reject(new Error('not readable')));
    const error = new Error('INVALID_ARGUMENT');
    const reject = (offset: number): Promise<void> =>
      policy.rejected({ topic: 'orders', partition: offset % 6 }, offset, error);
    for (let i = 0; i < 20; i++) await reject(i);
    await expect(reject(20)).rejects.toThrow('rejected 21 messages in a row');
    await expect(reject(21)).rejects.toThrow('21 messages in a row');
    policy.accepted();
    await reject(22);
  });

  it('knows what may have been published since it was opened, and how old the oldest unacknowledged record is', async () => {
    const { bridge, requests } = setUp();
    expect(bridge.published).toBeUndefined();
    expect(bridge.oldestTakenMs).toBeUndefined();
    await bridge.take(batch([good(7, 'a')], 8));
    const taken = bridge.oldestTakenMs;
    expect(taken).toBeLessThanOrEqual(performance.now());
    await bridge.take(batch([good(9, 'b')], 12));
    expect(bridge.oldestTakenMs).toBe(taken);
    expect(bridge.published).toEqual({ first: 7, acknowledged: 7, taken: 12 });
    await sent(requests, 2);
    requests[0]?.end();
    await settled();
    expect(bridge.published).toMatchObject({ first: 7, acknowledged: 9, taken: 12 });
    expect(bridge.oldestTakenMs).toBeGreaterThanOrEqual(taken ?? 0);
    requests[1]?.end();
    await settled();
    expect(bridge.published).toMatchObject({ acknowledged: 12, taken: 12 });
    expect(bridge.oldestTakenMs).toBeUndefined();
  });
});
