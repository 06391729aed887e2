import { status } from '@grpc/grpc-js';
import fc from 'fast-check';

import type { PublishMessage } from './message';
import { PublishFailedError } from './publish-errors';
import { type Ordering, type PublishCall, Publisher, type PublisherEvents, type PublisherOptions } from './publisher';

interface Numbered extends PublishMessage {
  readonly seq: number;
}

const message = (seq: number, orderingKey = ''): Numbered => ({
  seq,
  data: Buffer.from(String(seq)),
  attributes: [],
  orderingKey,
  bytes: 10,
});

const grpcError = (code: status): Error => Object.assign(new Error(`status ${status[code]}`), { code });

const OPTIONS: PublisherOptions = {
  topic: 'projects/p/topics/t',
  ordering: 'none',
  lingerMs: 0,
  maxBatchMessages: 10,
  maxBatchBytes: 1_000,
  maxConcurrentRequests: 4,
  maxUnackedMessages: 50,
  maxUnackedBytes: 100_000,
  retryTimeoutMs: 60_000,
  backoffMs: { first: 0, max: 0 },
};

/** A Pub/Sub that rejects a request with a message that `rejects` selects, and fails a request as `fails` says. */
class FakePubSub {
  readonly published: number[] = [];
  readonly requests: number[][] = [];
  maxInFlight = 0;
  private inFlight = 0;

  constructor(
    private readonly rejects: (seq: number) => boolean = () => false,
    private readonly fails: () => status | undefined = () => undefined,
  ) {}

  readonly publish: PublishCall = async (messages) => {
    this.maxInFlight = Math.max(this.maxInFlight, ++this.inFlight);
    await Promise.resolve();
    this.inFlight--;
    const seqs = messages.map(({ data }) => Number(data.toString()));
    this.requests.push(seqs);
    const failure = this.fails();
    if (failure !== undefined) throw grpcError(failure);
    if (seqs.some(this.rejects)) throw grpcError(status.INVALID_ARGUMENT);
    this.published.push(...seqs);
  };
}

class RecordedEvents implements PublisherEvents<Numbered> {
  readonly acked: number[] = [];
  readonly rejections: number[] = [];
  failure: Error | undefined;
  /** Every settled message, in the order of the reports. */
  readonly settled: number[] = [];

  acknowledged(messages: readonly Numbered[]): void {
    this.acked.push(...messages.map(({ seq }) => seq));
    this.settled.push(...messages.map(({ seq }) => seq));
  }
  async rejected({ seq }: Numbered): Promise<void> {
    await Promise.resolve();
    this.rejections.push(seq);
    this.settled.push(seq);
  }
  failed(error: Error): void {
    this.failure = error;
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

describe('Publisher', () => {
  it.each<Ordering>(['none', 'key'])(
    'settles each message exactly once with rejected and failed requests, in order per key (ordering %s)',
    async (ordering) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.boolean()), { maxLength: 80 }),
          fc.array(fc.boolean(), { maxLength: 20 }),
          async (plan, failures) => {
            const bad = new Set(plan.flatMap(([, isBad], seq) => (isBad ? [seq] : [])));
            const queue = [...failures];
            const pubsub = new FakePubSub(
              (seq) => bad.has(seq),
              () => (queue.shift() === true ? status.UNAVAILABLE : undefined),
            );
            const events = new RecordedEvents();
            const publisher = new Publisher(pubsub.publish, { ...OPTIONS, ordering }, events);
            const messages = plan.map(([key], seq) => message(seq, key === 0 ? '' : `k${String(key)}`));
            publisher.publish(messages.slice(0, 30));
            publisher.publish(messages.slice(30));
            await publisher.flush();

            expect(ascending(events.acked)).toEqual(numbers(plan.length).filter((seq) => !bad.has(seq)));
            expect(ascending(events.rejections)).toEqual([...bad]);
            expect(ascending(pubsub.published)).toEqual(ascending(events.acked));
            expect(publisher.unacknowledged).toEqual({ messages: 0, bytes: 0 });
            if (ordering === 'none') return;
            for (const key of ['k1', 'k2', 'k3', 'k4']) {
              const ofKey = (seq: number): boolean => messages[seq]?.orderingKey === key;
              expect(pubsub.published.filter(ofKey)).toEqual(ascending(pubsub.published.filter(ofKey)));
              expect(events.settled.filter(ofKey)).toEqual(ascending(events.settled.filter(ofKey)));
            }
            for (const request of pubsub.requests) {
              expect(new Set(request.map((seq) => messages[seq]?.orderingKey)).size).toBe(1);
            }
          },
        ),
        { numRuns: 60 },
      );
    },
  );

  it('isolates a rejected message: the others of its request are published in order, and it alone is reported', async () => {
    const pubsub = new FakePubSub((seq) => seq === 3);
    const events = new RecordedEvents();
    const publisher = new Publisher(pubsub.publish, { ...OPTIONS, ordering: 'key' }, events);
    publisher.publish(numbers(10).map((seq) => message(seq, 'k')));
    await publisher.flush();
    const others = numbers(10).filter((seq) => seq !== 3);
    expect(pubsub.requests[0]).toEqual(numbers(10));
    expect(pubsub.published).toEqual(others);
    expect(events).toMatchObject({ acked: others, rejections: [3], settled: numbers(10) });
    expect(events.failure).toBeUndefined();
  });

  it('fills requests, bounds the requests in flight, and makes the caller wait at the bound of unacknowledged messages', async () => {
    const pubsub = new FakePubSub();
    const publisher = new Publisher(pubsub.publish, OPTIONS, new RecordedEvents());
    publisher.publish(numbers(95).map((seq) => message(seq)));
    let free = false;
    const waiting = publisher.capacity().then(() => {
      free = true;
    });
    await Promise.resolve();
    expect(free).toBe(false);
    await waiting;
    expect(publisher.unacknowledged.messages).toBeLessThan(OPTIONS.maxUnackedMessages);
    await publisher.flush();
    expect(pubsub.requests.map((request) => request.length)).toEqual([...Array<number>(9).fill(10), 5]);
    expect(pubsub.maxInFlight).toBe(OPTIONS.maxConcurrentRequests);
  });

  it('sends a message above the byte limit in a request of its own', async () => {
    const pubsub = new FakePubSub();
    const publisher = new Publisher(pubsub.publish, OPTIONS, new RecordedEvents());
    publisher.publish([message(0), { ...message(1), bytes: 5_000 }, message(2)]);
    await publisher.flush();
    expect(pubsub.requests).toEqual([[0], [1], [2]]);
  });

  it('fails after the retry timeout, and rejects pending and later calls', async () => {
    let now = 0;
    const pubsub = new FakePubSub(undefined, () => {
      now += 40_000;
      return status.UNAVAILABLE;
    });
    const events = new RecordedEvents();
    const publisher = new Publisher(pubsub.publish, { ...OPTIONS, now: () => now }, events);
    publisher.publish([message(0)]);
    await expect(publisher.flush()).rejects.toThrow(PublishFailedError);
    expect(events.failure).toMatchObject({ code: 'PUBLISH_FAILED', retriable: true });
    expect(pubsub.requests).toHaveLength(2);
    expect(() => {
      publisher.publish([message(1)]);
    }).toThrow(PublishFailedError);
  });

  it.each([status.PERMISSION_DENIED, status.NOT_FOUND, status.RESOURCE_EXHAUSTED])(
    'sends a request again after status %d',
    async (code) => {
      const codes: (status | undefined)[] = [code];
      const pubsub = new FakePubSub(undefined, () => codes.shift());
      const events = new RecordedEvents();
      const publisher = new Publisher(pubsub.publish, OPTIONS, events);
      publisher.publish([message(0)]);
      await publisher.flush();
      expect(events).toMatchObject({ acked: [0], rejections: [] });
      expect(pubsub.requests).toEqual([[0], [0]]);
    },
  );

  it('reports nothing after it is closed', async () => {
    const events = new RecordedEvents();
    const publisher = new Publisher(new FakePubSub().publish, OPTIONS, events);
    publisher.publish([message(0)]);
    const flushed = publisher.flush();
    publisher.close();
    await expect(flushed).rejects.toThrow('was closed');
    await new Promise(setImmediate);
    expect(events.acked).toEqual([]);
    expect(events.failure).toBeUndefined();
  });
});
