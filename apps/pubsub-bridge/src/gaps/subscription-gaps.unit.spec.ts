import { readCommitState, writeCommitState } from './commit-metadata';
import { type Gap, type PartitionGaps, type Progress, SubscriptionGaps } from './subscription-gaps';

const TOPIC = 'orders';

/** One process: its partitions, and the time. */
class Instance {
  nowMs: number;
  readonly progress = new Map<number, Progress>();
  readonly gaps = new SubscriptionGaps(() => this.nowMs);
  private readonly partitions = new Map<number, PartitionGaps>();

  constructor(nowMs: number) {
    this.nowMs = nowMs;
  }

  /** Opens a partition with the metadata of its committed offset. */
  open(partition: number, committed: number | undefined, metadata?: string): void {
    this.progress.set(partition, { first: committed, acknowledged: committed, taken: committed });
    this.partitions.set(
      partition,
      this.gaps.opened({ topic: TOPIC, partition }, readCommitState(metadata), committed, () => {
        return this.progress.get(partition) ?? { first: undefined, acknowledged: undefined, taken: undefined };
      }),
    );
  }

  /** Drains and closes a partition. Returns the metadata that it commits. */
  close(partition: number): string {
    const gaps = this.partitions.get(partition);
    if (gaps === undefined) throw new Error('not open');
    this.gaps.closed(gaps);
    return writeCommitState(gaps.state);
  }

  published(partition: number, acknowledged: number, taken: number): void {
    const first = this.progress.get(partition)?.first ?? 0;
    this.progress.set(partition, { first, acknowledged, taken });
  }

  check(id: string): Gap | undefined {
    return this.gaps.found(id, this.gaps.checkpoint());
  }
}

const at = (ms: number): string => new Date(ms).toISOString();
const range = (partition: number, fromOffset: number, toOffset: number) => ({
  topic: TOPIC,
  partition,
  fromOffset,
  toOffset,
  rewind: { partition, offset: fromOffset },
});

it('contains all that was published since the last check that found the subscription', () => {
  const one = new Instance(0);
  one.check('1');
  one.open(3, 100);
  one.published(3, 200, 230);
  one.nowMs = 30_000;
  expect(one.check('1')).toBeUndefined();
  one.published(3, 400, 450);
  one.nowMs = 60_000;
  one.gaps.missing();
  one.nowMs = 60_500;
  const gap = { from: at(30_000), to: at(60_500), partitions: [range(3, 200, 450)] };
  expect(one.check('2')).toEqual(gap);
  expect(one.gaps.all()).toEqual([gap]);
  expect(one.check('2')).toBeUndefined();
  expect(one.gaps.all()).toEqual([gap]);
});

it('is noticed although the next subscription has no label either', () => {
  const one = new Instance(0);
  one.check('');
  one.open(3, 100);
  one.gaps.missing();
  expect(one.check('')?.partitions).toEqual([range(3, 100, 100)]);
});

it('is there although nothing was published between the checks: what had waited in the subscription is lost', () => {
  const one = new Instance(0);
  one.check('1');
  one.open(3, 100);
  one.check('2');
  expect(one.gaps.all()).toMatchObject([{ partitions: [range(3, 100, 100)] }]);
});

it('is none in a partition of which nothing was ever published', () => {
  const one = new Instance(0);
  one.check('1');
  one.open(3, undefined);
  expect(one.check('2')).toBeUndefined();
});

it('begins with the first record when the partition had no offset at the last check, for the next owner too', () => {
  const one = new Instance(0);
  one.check('1');
  one.open(3, undefined);
  one.check('1');
  one.progress.set(3, { first: 17, acknowledged: 20, taken: 25 });
  const metadata = one.close(3);
  const two = new Instance(0);
  two.check('2');
  two.open(3, 25, metadata);
  expect(two.check('2')?.partitions).toEqual([range(3, 17, 25)]);
});

it('goes to the next owner with the committed offset, and so does the check that none had compared yet', () => {
  const one = new Instance(0);
  one.check('1');
  one.open(3, 100);
  one.open(4, 500);
  one.published(3, 200, 200);
  one.nowMs = 30_000;
  const gap = { from: at(0), to: at(30_000) };
  one.check('2');
  one.published(4, 700, 700);
  one.nowMs = 40_000;
  const metadata = [one.close(3), one.close(4)];
  expect(one.gaps.all()).toEqual([]);

  // The subscription is replaced once more, and then the partitions open elsewhere.
  const two = new Instance(50_000);
  two.check('3');
  two.open(3, 200, metadata[0]);
  two.open(4, 700, metadata[1]);
  expect(two.gaps.all()).toEqual([{ ...gap, partitions: [range(3, 100, 200), range(4, 500, 500)] }]);
  two.published(4, 720, 730);
  two.nowMs = 52_000;
  expect(two.check('3')).toEqual({
    from: at(30_000),
    to: at(52_000),
    partitions: [range(3, 200, 200), range(4, 500, 730)],
  });
  expect(two.gaps.all()).toHaveLength(2);
});

it('is not reported for a partition that another owner has compared already', () => {
  const one = new Instance(0);
  one.check('1');
  const two = new Instance(0);
  two.check('1');
  two.open(3, 100);
  two.check('2');
  one.open(3, 100, two.close(3));
  expect(one.gaps.all()).toHaveLength(1);
  expect(one.check('2')).toBeUndefined();
});

it('is compared at the next check where the partition was opened during one', () => {
  const one = new Instance(0);
  one.check('1');
  const checkpoint = one.gaps.checkpoint();
  one.open(3, 100);
  one.published(3, 120, 130);
  expect(one.gaps.found('2', checkpoint)).toBeUndefined();
  expect(one.check('2')?.partitions).toEqual([range(3, 100, 130)]);
});
