import { createLogger } from '@orderstream/observability';
import type { BatchOutcome, OffsetToCommit, TopicPartition } from '@orderstream/kafka';

import { BodyCheck } from '../body/body-check';
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

function setUp() {
  const commits: number[] = [];
  const steps: string[] = [];
  const holding: { commit: Promise<void> } = { commit: Promise.resolve() };
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
    10,
    createLogger({ service: 'test', level: 'silent' }),
  );
  bridges.attach({
    commitOffsets: async (offsets: readonly OffsetToCommit[]) => {
      await holding.commit;
      commits.push(...offsets.map(({ offset }) => offset));
      steps.push('commit');
    },
    interrupt: (_: TopicPartition, { kind }: BatchOutcome) => {
      steps.push(kind);
    },
  });
  return { bridges, commits, steps, holding };
}

describe('a rewind', () => {
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
