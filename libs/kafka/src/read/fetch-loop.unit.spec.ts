import { ClusterMismatchError } from '../index';
import { FetchLoop } from './fetch-loop';
import { type Fetched, type FetchFailed, type LogClient, type Wanted } from './log-client';
import { createErrorOf } from './protocol-errors';

const BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 1_000, maxBytes: 1_000 };
const NOT_LEADER = 6;
const UNKNOWN_TOPIC = 3;

/** A loop that reads partitions of one topic. Each fetch of a partition returns one record more. */
class TestLoop {
  readonly next = new Map<number, number>();
  fetch: (want: Wanted) => Fetched | FetchFailed | Promise<never> = (want) => this.answer(want);
  refresh: () => Promise<void> = () => Promise.resolve();
  leader: (partition: number) => number | undefined = () => 1;
  fetches = 0;
  readonly loop: FetchLoop;

  constructor(partitions: readonly number[]) {
    for (const partition of partitions) this.next.set(partition, 0);
    const client: Pick<LogClient, 'connect' | 'refresh' | 'leaderOf' | 'fetch'> = {
      connect: () => Promise.resolve(),
      refresh: () => this.refresh(),
      leaderOf: ({ partition }) => this.leader(partition),
      fetch: async (_, wanted) => {
        this.fetches++;
        const results = await Promise.all(wanted.map(async (want) => this.fetch(want)));
        // A broker waits before it answers.
        await new Promise((resolve) => setTimeout(resolve, BOUNDS.maxWaitMs));
        return results;
      },
    };
    this.loop = new FetchLoop(
      client as LogClient,
      ['t'],
      {
        wanted: () => Array.from(this.next, ([partition, offset]) => ({ topic: 't', partition, offset })),
        deliver: ({ partition, nextOffset }) => this.next.set(partition, nextOffset),
        lost: ({ partition }) => this.next.delete(partition),
      },
      BOUNDS,
    );
  }

  answer(want: Wanted): Fetched {
    const nextOffset = want.offset + 1;
    return { ...want, ok: true, records: [], nextOffset, memoryBytes: 0, lastStableOffset: 0, highWatermark: 0 };
  }

  failed = (want: Wanted, code: number): FetchFailed => ({ ...want, ok: false, code, error: createErrorOf(code) });

  async run(ms: number): Promise<void> {
    this.loop.wake();
    await jest.advanceTimersByTimeAsync(ms);
  }
}

describe('FetchLoop', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([
    ['that has no leader', (test: TestLoop) => (test.leader = (partition) => (partition === 1 ? undefined : 1))],
    [
      'whose fetch fails',
      (test: TestLoop) =>
        (test.fetch = (want) => (want.partition === 1 ? test.failed(want, NOT_LEADER) : test.answer(want))),
    ],
  ])('reads the others as fast as before beside a partition %s, and names that one', async (_, breakOne) => {
    const test = new TestLoop([0, 1, 2]);
    await test.run(2_000);
    const before = test.next.get(0) ?? 0;
    expect(before).toBeGreaterThan(15);
    breakOne(test);
    const stuckAt = test.next.get(1);
    await test.run(10_000);
    expect(test.next.get(1)).toBeLessThanOrEqual((stuckAt ?? 0) + 1);
    for (const partition of [0, 2]) expect(test.next.get(partition)).toBeGreaterThan(before + 90);
    expect(test.loop.unread(1_500)).toMatchObject([{ topic: 't', partition: 1 }]);
    // It has a leader again.
    test.leader = () => 1;
    test.fetch = (want) => test.answer(want);
    await test.run(10_000);
    expect(test.next.get(1)).toBeGreaterThan((stuckAt ?? 0) + 20);
    expect(test.loop.unread(1_500)).toEqual([]);
  });

  it.each([
    ['rejects', () => Promise.reject(new Error('ECONNREFUSED'))],
    ['never answers', () => new Promise<never>(() => undefined)],
  ])('names every partition within 2 s when its broker %s', async (_, fetch) => {
    const test = new TestLoop([0, 1]);
    await test.run(1_000);
    expect(test.loop.unread(1_500)).toEqual([]);
    test.fetch = fetch;
    await test.run(2_000);
    expect(
      test.loop
        .unread(1_500)
        .map(({ partition }) => partition)
        .sort(),
    ).toEqual([0, 1]);
  });

  it('fetches nothing after a failure until a broker of the cluster has answered', async () => {
    const test = new TestLoop([0]);
    await test.run(1_000);
    test.fetch = () => Promise.reject(new Error('connection closed'));
    test.refresh = () => Promise.reject(new ClusterMismatchError('another cluster'));
    await test.run(1_000);
    const fetches = test.fetches;
    test.fetch = (want) => test.answer(want);
    await test.run(20_000);
    expect(test.fetches).toBe(fetches);
    expect(test.loop.unread(1_500)).toMatchObject([{ partition: 0, error: 'another cluster' }]);
    // A broker of the cluster answers, although with an error: another topic was deleted.
    test.refresh = () => Promise.reject(createErrorOf(UNKNOWN_TOPIC));
    await test.run(10_000);
    expect(test.fetches).toBeGreaterThan(fetches + 10);
  });
});
