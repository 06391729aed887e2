import { settledWithin } from '../read/backoff';
import { type Wanted } from '../read/log-client';
import { type PartitionRef } from '../record';
import { type PartitionLane } from './partition-lane';
import { type PartitionStatus } from './server-options';

type CreateLane = (partition: PartitionRef, after: Promise<void>) => PartitionLane;

/**
 * The lanes of a member. Each generation of the group has lanes of its own; a partition that stays opens again (its
 * position is read anew), and only after its former lane has let go.
 */
export class LaneSet implements Iterable<PartitionLane> {
  private readonly lanes = new Map<string, PartitionLane>();
  /** Former lanes that have not closed yet, by partition. */
  private readonly leaving = new Map<string, Promise<void>>();

  [Symbol.iterator](): Iterator<PartitionLane> {
    return this.lanes.values();
  }

  get(partition: PartitionRef): PartitionLane | undefined {
    return this.lanes.get(keyOf(partition));
  }

  wanted(): Wanted[] {
    const wanted: Wanted[] = [];
    for (const lane of this.lanes.values()) {
      const want = lane.wanted();
      if (want !== undefined) wanted.push(want);
    }
    return wanted;
  }

  statuses(): PartitionStatus[] {
    return Array.from(this.lanes.values(), ({ status }) => status).sort(
      (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition,
    );
  }

  /** The partitions of a new generation. Lanes that are still there are of an older one, and close at once. */
  replace(partitions: readonly PartitionRef[], create: CreateLane): void {
    void this.releaseAll(0);
    for (const partition of partitions) {
      const key = keyOf(partition);
      this.lanes.set(key, create(partition, this.leaving.get(key) ?? Promise.resolve()));
    }
  }

  /**
   * Drains and closes all. Resolves when every lane has closed, those of an earlier release too, or at the deadline; one
   * that is still opening then goes on by itself, and keeps its successor waiting.
   */
  async releaseAll(drainMs: number): Promise<void> {
    for (const [key, lane] of this.lanes) {
      this.lanes.delete(key);
      const before = this.leaving.get(key);
      const done: Promise<void> = lane
        .release(drainMs)
        .then(() => before)
        .finally(() => {
          if (this.leaving.get(key) === done) this.leaving.delete(key);
        });
      this.leaving.set(key, done);
    }
    await settledWithin(drainMs + GRACE_MS, Promise.all(this.leaving.values()));
  }
}

/** For closing, after the drain. */
const GRACE_MS = 1_000;

const keyOf = ({ topic, partition }: PartitionRef): string => `${topic}/${partition.toString()}`;
