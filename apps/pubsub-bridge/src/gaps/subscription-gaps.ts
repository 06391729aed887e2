import { byTopicPartition, type TopicPartition } from '@orderstream/kafka';

import { isRetryTopic } from '../bridge-source';
import { bounded, type CommitState, type PartitionGap, type SubscriptionCheck } from './commit-metadata';

/** The id of a subscription that does not exist. No label has this value. */
const MISSING = '-';

/** The part of a gap that is of one partition. */
export interface GapRange extends TopicPartition {
  readonly fromOffset: number;
  /** The offset after the last one. */
  readonly toOffset: number;
  /** Body of the `POST /admin/rewind` that publishes the range again. */
  readonly rewind: { readonly topic?: string; readonly partition: number; readonly offset: number };
}

/** What one deletion of the subscription has put in doubt, in the partitions that are open here. */
export interface Gap {
  readonly from: string;
  readonly to: string;
  readonly partitions: readonly GapRange[];
}

/** How far an open partition has been published. Undefined where nothing is known yet. */
export interface Progress {
  /** Offset to begin at, or the first one taken since the partition was opened. */
  readonly first: number | undefined;
  /** What was published below is acknowledged. */
  readonly acknowledged: number | undefined;
  /** No record from here on was published. */
  readonly taken: number | undefined;
}

/** The state of the open partitions before the subscription is read. */
export interface Checkpoint {
  readonly at: string;
  readonly acknowledged: ReadonlyMap<PartitionGaps, number | undefined>;
}

/** The gaps of one open partition, and the last check that found its subscription. */
export class PartitionGaps {
  /** Counts what has to be committed. */
  changes: number;
  private gaps: readonly PartitionGap[];
  private check: SubscriptionCheck | undefined;
  private readonly other: CommitState['other'];

  constructor(
    readonly partition: TopicPartition,
    state: CommitState,
    private readonly progress: () => Progress,
    /** Of the last check of this process; it counts where the state has none. */
    check: SubscriptionCheck | undefined,
  ) {
    this.gaps = state.gaps;
    this.check = state.subscription ?? check;
    this.changes = this.check === state.subscription ? 0 : 1;
    this.other = state.other;
  }

  get all(): readonly PartitionGap[] {
    return this.gaps;
  }

  /** What to commit, but for the topic id. */
  get state(): CommitState {
    const { gaps, check, other } = this;
    // The next owner does not know the first record that this one has taken.
    const subscription = check === undefined ? undefined : { ...check, offset: check.offset ?? this.progress().first };
    return { gaps, subscription, ...(other === undefined ? {} : { other }) };
  }

  /** A check that found this subscription. `acknowledged` is as of a time before the check. */
  found(id: string, at: string, acknowledged: number | undefined): void {
    const { check } = this;
    if (check?.id !== id || check.offset !== acknowledged) this.changes++;
    this.check = { id, at, offset: acknowledged };
  }

  /** Keeps in mind that the next subscription is another one, even if it has the same id. */
  missing(): void {
    if (this.check === undefined || this.check.id === MISSING) return;
    this.check = { ...this.check, id: MISSING };
    this.changes++;
  }

  /** The gap since the last check, if that one found another subscription. */
  since(id: string, now: string): PartitionGap | undefined {
    const { check } = this;
    if (check === undefined || check.id === id) return undefined;
    const { first, taken } = this.progress();
    const fromOffset = check.offset ?? first;
    if (fromOffset === undefined) return undefined;
    const gap = { from: check.at, to: now, fromOffset, toOffset: Math.max(fromOffset, taken ?? fromOffset) };
    this.gaps = bounded([...this.gaps, gap]);
    this.changes++;
    return gap;
  }

  dismiss(): void {
    if (this.gaps.length > 0) this.changes++;
    this.gaps = [];
  }

  acknowledged(): number | undefined {
    return this.progress().acknowledged;
  }
}

/**
 * The gaps of the partitions that are open here.
 *
 * Failure semantics: gaps and the last check of a partition are committed with its offset. After a restart or a rebalance the
 * new owner compares the check that it reads with the subscription that it finds, so that a subscription that was deleted in
 * the meantime is a gap too. A gap begins with what was not acknowledged at the last check that found the subscription: it
 * contains every record that was published since, and may contain records that were delivered. It does not contain what was
 * published before and waited in the deleted subscription: Pub/Sub does not say how far back that reaches
 * (docs/pubsub-bridge.md#the-subscription-was-deleted).
 */
export class SubscriptionGaps {
  private readonly open = new Set<PartitionGaps>();
  private last: { readonly id: string; readonly at: string } | undefined;

  /** @param now milliseconds since the epoch */
  constructor(private readonly now: () => number = Date.now) {}

  /** Registers a partition that was opened with this state. Without a check in it, the last one of this process counts. */
  opened(
    partition: TopicPartition,
    state: CommitState,
    committed: number | undefined,
    progress: () => Progress,
  ): PartitionGaps {
    const check = this.last === undefined ? undefined : { ...this.last, offset: committed };
    const gaps = new PartitionGaps(partition, state, progress, check);
    this.open.add(gaps);
    return gaps;
  }

  closed(gaps: PartitionGaps): void {
    this.open.delete(gaps);
  }

  /** Call it before the subscription is read: what is acknowledged by now is in the subscription that is found. */
  checkpoint(): Checkpoint {
    const acknowledged = new Map([...this.open].map((gaps) => [gaps, gaps.acknowledged()]));
    return { at: this.time(), acknowledged };
  }

  /** The subscription that was found after the checkpoint. Returns the gap if it is not the one that was found before. */
  found(id: string, { at, acknowledged }: Checkpoint): Gap | undefined {
    const now = this.time();
    const partitions: GapRange[] = [];
    let from = now;
    for (const gaps of this.open) {
      // A partition that was opened after the checkpoint is compared at the next check.
      if (!acknowledged.has(gaps)) continue;
      const gap = gaps.since(id, now);
      if (gap !== undefined) {
        if (gap.from < from) ({ from } = gap);
        partitions.push(rangeOf(gaps.partition, gap));
      }
      gaps.found(id, at, acknowledged.get(gaps));
    }
    this.last = { id, at };
    return partitions.length === 0 ? undefined : { from, to: now, partitions: sorted(partitions) };
  }

  /** No subscription was found. */
  missing(): void {
    for (const gaps of this.open) gaps.missing();
    if (this.last !== undefined) this.last = { ...this.last, id: MISSING };
  }

  /** The oldest first. What was found by one check is one gap. */
  all(): readonly Gap[] {
    const byEnd = new Map<string, { from: string; partitions: GapRange[] }>();
    for (const { partition, all } of this.open) {
      for (const gap of all) {
        const one = byEnd.get(gap.to) ?? { from: gap.from, partitions: [] };
        if (gap.from < one.from) one.from = gap.from;
        one.partitions.push(rangeOf(partition, gap));
        byEnd.set(gap.to, one);
      }
    }
    return Array.from(byEnd, ([to, { from, partitions }]) => ({ from, to, partitions: sorted(partitions) })).sort(
      (a, b) => a.to.localeCompare(b.to),
    );
  }

  private time(): string {
    return new Date(this.now()).toISOString();
  }
}

const rangeOf = ({ topic, partition }: TopicPartition, { fromOffset, toOffset }: PartitionGap): GapRange => ({
  topic,
  partition,
  fromOffset,
  toOffset,
  rewind: { ...(isRetryTopic(topic) && { topic }), partition, offset: fromOffset },
});

const sorted = (ranges: readonly GapRange[]): readonly GapRange[] => ranges.toSorted(byTopicPartition);
