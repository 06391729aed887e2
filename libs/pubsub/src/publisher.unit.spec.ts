import { status } from '@grpc/grpc-js';
import fc from 'fast-check';

import type { PublishMessage } from './message';
import { PublishFailedError } from './publish-errors';
import { type Ordering, type PublishCall, Publisher, type PublisherEvents, type PublisherOptions } from './publisher';
import { TopologyGuard } from './topology-guard';

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

/** A Pub/Sub that rejects whole requests for the messages it is told to, and fails as it is told to. */
class FakePubSub {
  readonly published: number[] = [];
  readonly requests: number[][] = [];
  underWay = 0;
  mostUnderWay = 0;

  constructor(
    private readonly rejects: (seq: number) => boolean = () => false,
    private readonly fails: () => status | undefined = () => undefined,
  ) {}

  readonly publish: PublishCall = async (messages) => {
    this.mostUnderWay = Math.max(this.mostUnderWay, ++this.underWay);
    await Promise.resolve();
    this.underWay--;
    const seqs = messages.map(({ data }) => Number(data.toString()));
    this.requests.push(seqs);
    const failure = this.fails();
    if (failure !== undefined) throw grpcError(failure);
    if (seqs.some(this.rejects)) throw grpcError(status.INVALID_ARGUMENT);
    this.published.push(...seqs);
  };
}

class Told implements PublisherEvents<Numbered> {
  readonly acked: number[] = [];
  readonly rejections: number[] = [];
  failure: Error | undefined;
  /** Every message that is settled, in the order in which that was told. */
  readonly order: number[] = [];

  acknowledged(messages: readonly Numbered[]): void {
    this.acked.push(...messages.map(({ seq }) => seq));
    this.order.push(...messages.map(({ seq }) => seq));
  }
  async rejected({ seq }: Numbered): Promise<void> {
    await Promise.resolve();
    this.rejections.push(seq);
    this.order.push(seq);
  }
  failed(error: Error): void {
    this.failure = error;
  }
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
const ascending = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);

describe('Publisher', () => {
  it.each<Ordering>(['none', 'key'])(
    'settles each message once, isolates what is rejected and survives failures (ordering %s)',
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
            const told = new Told();
            const publisher = new Publisher(pubsub.publish, { ...OPTIONS, ordering }, told);
            const messages = plan.map(([key], seq) => message(seq, key === 0 ? '' : `k${String(key)}`));
            publisher.publish(messages.slice(0, 30));
            publisher.publish(messages.slice(30));
            await publisher.flush();

            expect(ascending(told.acked)).toEqual(numbers(plan.length).filter((seq) => !bad.has(seq)));
            expect(ascending(told.rejections)).toEqual([...bad]);
            expect(ascending(pubsub.published)).toEqual(ascending(told.acked));
            expect(publisher.unacknowledged).toEqual({ messages: 0, bytes: 0 });
            if (ordering === 'none') return;
            for (const key of ['k1', 'k2', 'k3', 'k4']) {
              const ofKey = (seq: number): boolean => messages[seq]?.orderingKey === key;
              expect(pubsub.published.filter(ofKey)).toEqual(ascending(pubsub.published.filter(ofKey)));
              expect(told.order.filter(ofKey)).toEqual(ascending(told.order.filter(ofKey)));
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

  it('fills requests to the limit, keeps to the number of requests, and makes the caller wait above the bound', async () => {
    const pubsub = new FakePubSub();
    const publisher = new Publisher(pubsub.publish, OPTIONS, new Told());
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
    expect(pubsub.mostUnderWay).toBe(OPTIONS.maxConcurrentRequests);
  });

  it('never mixes a message above the byte limit with others', async () => {
    const pubsub = new FakePubSub();
    const publisher = new Publisher(pubsub.publish, OPTIONS, new Told());
    publisher.publish([message(0), { ...message(1), bytes: 5_000 }, message(2)]);
    await publisher.flush();
    expect(pubsub.requests).toEqual([[0], [1], [2]]);
  });

  it('fails at the end of its patience, and says so to whoever waits', async () => {
    let now = 0;
    const pubsub = new FakePubSub(undefined, () => {
      now += 40_000;
      return status.UNAVAILABLE;
    });
    const told = new Told();
    const publisher = new Publisher(pubsub.publish, { ...OPTIONS, now: () => now }, told);
    publisher.publish([message(0)]);
    await expect(publisher.flush()).rejects.toThrow(PublishFailedError);
    expect(told.failure).toMatchObject({ code: 'PUBLISH_FAILED', retriable: true });
    expect(pubsub.requests).toHaveLength(2);
    expect(() => {
      publisher.publish([message(1)]);
    }).toThrow(PublishFailedError);
  });

  it.each([status.PERMISSION_DENIED, status.NOT_FOUND, status.RESOURCE_EXHAUSTED])(
    'takes status %s for no fault of the message',
    async (code) => {
      const codes: (status | undefined)[] = [code];
      const pubsub = new FakePubSub(undefined, () => codes.shift());
      const told = new Told();
      const publisher = new Publisher(pubsub.publish, OPTIONS, told);
      publisher.publish([message(0)]);
      await publisher.flush();
      expect(told).toMatchObject({ acked: [0], rejections: [] });
    },
  );

  it('tells nothing after it was closed', async () => {
    const told = new Told();
    const publisher = new Publisher(new FakePubSub().publish, OPTIONS, told);
    publisher.publish([message(0)]);
    const flushed = publisher.flush();
    publisher.close();
    await expect(flushed).rejects.toThrow('was closed');
    await new Promise(setImmediate);
    expect(told.acked).toEqual([]);
    expect(told.failure).toBeUndefined();
  });
});

describe('TopologyGuard', () => {
  const signal = new AbortController().signal;

  it('puts topic and subscription up before it publishes again, once for all', async () => {
    const steps: string[] = [];
    let gone = true;
    const call: PublishCall = () => {
      steps.push('publish');
      return gone ? Promise.reject(grpcError(status.NOT_FOUND)) : Promise.resolve();
    };
    const ensure = async (): Promise<void> => {
      await Promise.resolve();
      steps.push('ensure');
      gone = false;
    };
    const guard = new TopologyGuard(call, ensure, false);
    await expect(guard.publish([], signal)).rejects.toThrow('NOT_FOUND');
    await Promise.all([guard.publish([], signal), guard.publish([], signal)]);
    expect(steps).toEqual(['publish', 'ensure', 'publish', 'publish']);
  });

  it('publishes again what was acknowledged while the subscription may have been missing', async () => {
    const ends: ((error?: Error) => void)[] = [];
    const call: PublishCall = () =>
      new Promise((resolve, reject) => {
        ends.push((error) => {
          if (error === undefined) resolve();
          else reject(error);
        });
      });
    const guard = new TopologyGuard(call, () => Promise.resolve(), true);
    const first = guard.publish([], signal);
    const second = guard.publish([], signal);
    ends[0]?.(grpcError(status.UNAVAILABLE));
    await expect(first).rejects.toThrow('UNAVAILABLE');
    const third = guard.publish([], signal);
    ends[1]?.();
    await expect(second).rejects.toThrow('while this request was under way');
    await new Promise(setImmediate);
    ends[2]?.();
    await third;
  });
});
