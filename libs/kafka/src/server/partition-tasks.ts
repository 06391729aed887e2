import { settledWithin } from '../read/backoff';
import { type Wanted } from '../read/log-client';
import { type PartitionRef } from '../record';
import { type PartitionTask } from './partition-task';
import { type PartitionStatus } from './server-options';

type CreatePartitionTask = (partition: PartitionRef, after: Promise<void>) => PartitionTask;

/**
 * The tasks of a member. Each generation of the group has tasks of its own; a partition that stays opens again (its
 * position is read anew), and only after its former task has let go.
 */
export class PartitionTasks implements Iterable<PartitionTask> {
  private readonly tasks = new Map<string, PartitionTask>();
  /** Former tasks that have not closed yet, by partition. */
  private readonly leaving = new Map<string, Promise<void>>();

  [Symbol.iterator](): Iterator<PartitionTask> {
    return this.tasks.values();
  }

  get(partition: PartitionRef): PartitionTask | undefined {
    return this.tasks.get(keyOf(partition));
  }

  wanted(): Wanted[] {
    const wanted: Wanted[] = [];
    for (const task of this.tasks.values()) {
      const want = task.wanted();
      if (want !== undefined) wanted.push(want);
    }
    return wanted;
  }

  statuses(): PartitionStatus[] {
    return Array.from(this.tasks.values(), ({ status }) => status).sort(
      (a, b) => a.topic.localeCompare(b.topic) || a.partition - b.partition,
    );
  }

  /** The partitions of a new generation. Tasks that are still there are of an older one, and close at once. */
  replace(partitions: readonly PartitionRef[], create: CreatePartitionTask): void {
    void this.releaseAll(0);
    for (const partition of partitions) {
      const key = keyOf(partition);
      this.tasks.set(key, create(partition, this.leaving.get(key) ?? Promise.resolve()));
    }
  }

  /**
   * Drains and closes all. Resolves when every task has closed, those of an earlier release too, or at the deadline; one
   * that is still opening then goes on by itself, and keeps its successor waiting.
   */
  async releaseAll(drainMs: number): Promise<void> {
    for (const [key, task] of this.tasks) {
      this.tasks.delete(key);
      const before = this.leaving.get(key);
      const done: Promise<void> = task
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
