import { createLogger } from '@orderstream/observability';
import {
  type BatchOutcome,
  type CommittedOffset,
  type TopicPartition,
  TransactionFailedError,
  type TransactionWrites,
} from '@orderstream/kafka';

import { BodyCheck } from '../body/body-check';
import { SubscriptionGaps } from '../gaps/subscription-gaps';
import { PartitionBridges } from './partition-bridges';
import { RejectionPolicy } from './rejection-policy';

const PARTITION = { topic: 'orders', partition: 2 };
const batch = (from: number, count: number) => ({
  ...PARTITION,
  nextOffset: from + count,
  records: Array.from({ length: count }, (_, i) => ({
    ...PARTITION,
    offset: from + i,
    timestamp: 0,
    key: Buffer.from('k'),
    value: Buffer.from('{}'),
    headers: {},
  })),
});

function setUp(found: Partial<CommittedOffset> = {}) {
  const gaps = new SubscriptionGaps(() => Date.parse('2026-01-02T04:00:00.000Z'));
  const commits: number[] = [];
  const steps: string[] = [];
  let owner = 0;
  let committed: CommittedOffset = { offset: undefined, metadata: undefined, topicId: 'new-id', ...found };
  const holding: { commit: Promise<void> } = { commit: Promise.resolve() };
  const clock = { ms: 0 };
  const reading = { failure: undefined as Error | undefined, reads: 0 };
  const bridges = new PartitionBridges(
    () => ({
      publish: () => Promise.resolve(),
      options: {
        topic: 't',
        ordering: 'none',
        lingerMs: 0,
        maxBatchMessages: 10,
        maxBatchBytes: 1_000,
        maxConcurrentRequests: 1,
        maxUnackedMessages: 100,
        maxUnackedBytes: 10_000,
        retryTimeoutMs: 0,
        backoffMs: { first: 0, max: 0 },
      },
      body: new BodyCheck([]),
      deadLetter: () => Promise.resolve(),
      rejections: new RejectionPolicy(() => Promise.resolve(undefined)),
      observer: { published: () => undefined, requested: () => undefined },
      maxBatchRecords: 10,
    }),
    () => {
      const mine = ++owner;
      const found = committed;
      let isBusy = false;
      return Promise.resolve({
        committed,
        assertCurrent: () => {
          reading.reads++;
          if (reading.failure !== undefined) return Promise.reject(reading.failure);
          const isOther = mine !== owner && committed !== found;
          return isOther ? Promise.reject(new TransactionFailedError('moved', 'aborted', true)) : Promise.resolve();
        },
        commit: async ({ offset, metadata }: TransactionWrites) => {
          if (isBusy) throw new Error('already committing');
          isBusy = true;
          await holding.commit.finally(() => {
            isBusy = false;
          });
          if (mine !== owner) throw new TransactionFailedError('fenced', 'aborted', true);
          commits.push(offset);
          committed = { offset, metadata, topicId: committed.topicId };
          steps.push('commit');
        },
        close: () => Promise.resolve(),
      });
    },
    gaps,
    10,
    createLogger({ service: 'test', level: 'silent' }),
    () => clock.ms,
  );
  bridges.attach({
    interrupt: (_: TopicPartition, { kind }: BatchOutcome) => {
      steps.push(kind);
    },
  });
  const fence = (): number => ++owner;
  /** As a command does. */
  const move = (offset: number): void => {
    owner++;
    committed = { ...committed, offset };
  };
  return { bridges, gaps, commits, steps, holding, fence, move, clock, reading, committed: () => committed };
}

describe('a partition that opens', () => {
  it('begins at the committed offset, and commits which log its offsets are of', async () => {
    const { bridges, committed } = setUp({ offset: 40, metadata: '{"v":1,"log":"new-id"}' });
    expect(await bridges.open(PARTITION)).toBe(40);
    await bridges.take(batch(40, 5), PARTITION);
    await bridges.drain(PARTITION, new AbortController().signal);
    expect(committed()).toMatchObject({ offset: 45, metadata: '{"v":1,"log":"new-id"}' });
    bridges.detach();
  });

  it('stops at an offset of another log, as often as it is resumed, and says what leads on', async () => {
    const { bridges } = setUp({ offset: 40, metadata: '{"v":1,"log":"old-id"}' });
    for (const attempt of ['first', 'second']) {
      await expect(bridges.open(PARTITION).then(() => `opened at the ${attempt}`)).rejects.toMatchObject({
        code: 'LOG_MISMATCH',
        retriable: false,
        message: expect.stringMatching(
          /orders\/2: .*old-id.*new-id.*`npm run set-position -- pubsub-bridge --family orders --partition 2 --to beginning`.*POST \/admin\/resume/,
        ) as string,
      });
    }
    expect(bridges.all()).toEqual([]);
    bridges.detach();
  });

  it.each([undefined, '', 'by hand', '{"v":1}'])('takes the offset when its metadata is %j', async (metadata) => {
    const { bridges } = setUp({ offset: 40, metadata });
    expect(await bridges.open(PARTITION)).toBe(40);
    bridges.detach();
  });

  it('commits nothing once a command has fenced it, and opens again', async () => {
    const { bridges, commits, steps, fence } = setUp();
    await bridges.open(PARTITION);
    fence();
    await bridges.take(batch(40, 5), PARTITION);
    await bridges.drain(PARTITION, new AbortController().signal);
    expect(commits).toEqual([]);
    expect(steps).toContain('retry');
    bridges.detach();
  });
});

describe('a partition without anything to commit', () => {
  const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 35));
  const idle = async () => {
    const all = setUp({ offset: 40 });
    await all.bridges.open(PARTITION);
    return all;
  };

  it('notices within 30 s that a command has moved its offset, and opens again there', async () => {
    const { bridges, steps, clock, reading, move } = await idle();
    move(10);
    clock.ms = 29_999;
    await later();
    expect([reading.reads, steps]).toEqual([0, []]);
    clock.ms = 30_000;
    await later();
    expect([reading.reads, steps]).toEqual([1, ['retry']]);
    await bridges.close(PARTITION);
    expect(await bridges.open(PARTITION)).toBe(10);
    bridges.detach();
  });

  it.each([undefined, new Error('Closed connection')])(
    'stays open when nobody has moved it, or that cannot be read: %s',
    async (failure) => {
      const { bridges, steps, clock, reading } = await idle();
      reading.failure = failure;
      for (const ms of [30_000, 60_000]) {
        clock.ms = ms;
        await later();
      }
      expect([reading.reads, steps]).toEqual([2, []]);
      bridges.detach();
    },
  );
});

describe('a rewind', () => {
  it('waits for another of the same partition, which stays the earlier one', async () => {
    const { bridges, commits, steps, holding } = setUp({ offset: 45 });
    await bridges.open(PARTITION);
    const held = Promise.withResolvers<undefined>();
    holding.commit = held.promise.then(() => undefined);
    const first = bridges.rewind(PARTITION, 20);
    const second = bridges.rewind(PARTITION, 10);
    const third = bridges.rewind(PARTITION, 30).catch((error: unknown) => error);
    const opened = bridges.open(PARTITION);
    held.resolve(undefined);
    await Promise.all([first, second]);
    expect(await third).toMatchObject({
      code: 'POSITION_REJECTED',
      message: expect.stringMatching(/orders\/2 .*offset 10 .*30 on/) as string,
    });
    expect(await opened).toBe(10);
    expect(commits).toEqual([20, 10]);
    expect(steps.filter((step) => step === 'retry')).toHaveLength(3);
    bridges.detach();
  });

  it('is the last commit before the partition opens again, which waits for it', async () => {
    const { bridges, commits, steps, holding } = setUp();
    await bridges.open(PARTITION);
    await bridges.take(batch(40, 5), PARTITION);
    await bridges.drain(PARTITION, new AbortController().signal);
    expect(commits.at(-1)).toBe(45);
    steps.length = 0;

    const held = Promise.withResolvers<undefined>();
    holding.commit = held.promise.then(() => undefined);
    const rewound = bridges.rewind(PARTITION, 41);
    const opened = bridges.open(PARTITION).then(() => steps.push('open'));
    // Two commit intervals: the old bridge commits nothing any more.
    await new Promise((resolve) => setTimeout(resolve, 25));
    expect(steps).toEqual([]);
    held.resolve(undefined);
    await Promise.all([rewound, opened]);
    expect(commits.at(-1)).toBe(41);
    expect(steps[0]).toBe('commit');
    expect(steps).toContain('retry');
    expect(steps).toContain('open');
    bridges.detach();
  });

  it('fails with the error of the commit, and lets the partition open', async () => {
    const { bridges, holding } = setUp();
    await bridges.open(PARTITION);
    holding.commit = Promise.reject(new Error('not a member of the group'));
    await expect(bridges.rewind(PARTITION, 1)).rejects.toThrow('not a member');
    await bridges.open(PARTITION);
    expect(bridges.all()).toHaveLength(1);
    bridges.detach();
  });
});

describe('the gaps of a partition', () => {
  const GAP = { from: '2026-01-02T03:00:00.000Z', to: '2026-01-02T03:00:30.000Z', fromOffset: 20, toOffset: 30 };
  const CHECK = { id: '1', at: '2026-01-02T03:00:30.000Z', offset: 30 };
  const metadata = JSON.stringify({ v: 1, log: 'new-id', tool: { of: 'another' }, subscription: CHECK, gaps: [GAP] });
  const stored = (committed: () => CommittedOffset): unknown => JSON.parse(committed().metadata ?? '');
  const open = async (found: Partial<CommittedOffset>) => {
    const all = setUp(found);
    await all.bridges.open(PARTITION);
    return all;
  };
  const offsetsOf = (gaps: SubscriptionGaps) =>
    gaps.all().flatMap(({ partitions }) => partitions.map(({ fromOffset, toOffset }) => [fromOffset, toOffset]));
  const drained = (): AbortSignal => new AbortController().signal;

  it('are read at its opening, and committed with each offset, with the fields of others', async () => {
    const { bridges, gaps, committed } = await open({ offset: 40, metadata });
    expect(offsetsOf(gaps)).toEqual([[20, 30]]);
    await bridges.take(batch(40, 5), PARTITION);
    await bridges.drain(PARTITION, drained());
    expect(committed().offset).toBe(45);
    expect(stored(committed)).toEqual({
      v: 1,
      log: 'new-id',
      tool: { of: 'another' },
      subscription: CHECK,
      gaps: [GAP],
    });
    await bridges.close(PARTITION);
    expect(gaps.all()).toEqual([]);
    await bridges.open(PARTITION);
    expect(offsetsOf(gaps)).toEqual([[20, 30]]);
    bridges.detach();
  });

  it('are committed although no offset is', async () => {
    const { bridges, gaps, commits, committed } = await open({ offset: 40, metadata });
    gaps.found('2', gaps.checkpoint());
    await bridges.drain(PARTITION, drained());
    await bridges.drain(PARTITION, drained());
    expect(commits).toEqual([40]);
    expect(stored(committed)).toMatchObject({
      gaps: [{}, { fromOffset: 30, toOffset: 40 }],
      subscription: { id: '2' },
    });
    bridges.detach();
  });

  it.each([
    [20, []],
    [3, []],
    [21, [[20, 30]]],
  ])('end with a rewind to or below their begin: %j', async (offset, left) => {
    const { bridges, gaps, committed } = await open({ offset: 40, metadata });
    await bridges.rewind(PARTITION, offset);
    await bridges.open(PARTITION);
    expect(committed().offset).toBe(offset);
    expect(offsetsOf(gaps)).toEqual(left);
    bridges.detach();
  });

  it('are reported after a rewind too, if the subscription was replaced before it and no check has noticed', async () => {
    const { bridges, gaps } = await open({ offset: 40, metadata });
    await bridges.rewind(PARTITION, 25);
    await bridges.open(PARTITION);
    gaps.found('2', gaps.checkpoint());
    expect(offsetsOf(gaps)).toEqual([
      [20, 30],
      [25, 25],
    ]);
    bridges.detach();
  });

  it('end with a rewind although they are not committed yet', async () => {
    const { bridges, gaps } = await open({ offset: 40, metadata });
    gaps.found('2', gaps.checkpoint());
    expect(offsetsOf(gaps)).toEqual([
      [20, 30],
      [30, 40],
    ]);
    await bridges.rewind(PARTITION, 20);
    await bridges.open(PARTITION);
    gaps.found('2', gaps.checkpoint());
    expect(offsetsOf(gaps)).toEqual([]);
    bridges.detach();
  });

  it.each([
    [19, []],
    [20, [[20, 30]]],
  ])('end when a tool has moved the offset below their begin, and not the metadata: %j', async (offset, left) => {
    const { bridges, gaps } = await open({ offset, metadata });
    expect(offsetsOf(gaps)).toEqual(left);
    bridges.detach();
  });

  it('end when an operator dismisses them, for the next owner too', async () => {
    const { bridges, gaps, commits, committed } = await open({ offset: 40, metadata });
    expect(await bridges.dismissGaps(PARTITION)).toBe(true);
    expect(commits).toEqual([40]);
    expect(gaps.all()).toEqual([]);
    expect(stored(committed)).toEqual({ v: 1, log: 'new-id', tool: { of: 'another' }, subscription: CHECK });
    bridges.detach();
  });

  it('end with a dismissal during a drain: each commit follows the one before', async () => {
    const { bridges, commits, steps, holding, committed } = await open({ offset: 40, metadata });
    await bridges.take(batch(40, 5), PARTITION);
    const held = Promise.withResolvers<undefined>();
    holding.commit = held.promise.then(() => undefined);
    const running = bridges.drain(PARTITION, drained());
    const dismissed = [bridges.dismissGaps(PARTITION), bridges.dismissGaps(PARTITION)];
    await new Promise((resolve) => setTimeout(resolve, 25));
    held.resolve(undefined);
    expect(await Promise.all(dismissed)).toEqual([true, true]);
    await running;
    expect(steps).not.toContain('retry');
    expect(commits.at(-1)).toBe(45);
    expect(stored(committed)).not.toHaveProperty('gaps');
    bridges.detach();
  });

  it('stay when the dismissal cannot be committed', async () => {
    const { bridges, committed, fence } = await open({ offset: 40, metadata });
    fence();
    expect(await bridges.dismissGaps(PARTITION)).toBe(false);
    expect(await bridges.dismissGaps({ ...PARTITION, partition: 9 })).toBe(false);
    expect(stored(committed)).toMatchObject({ gaps: [GAP] });
    bridges.detach();
  });
});
