import { settledWithin } from '../delay';
import { type Wanted } from '../read/log-client';
import { byTopicPartition, partitionName, type TopicPartition } from '../topic-partition';
import { type PartitionTask } from './partition-task';
import { type PartitionStatus } from './server-options';

type CreatePartitionTask = (partition: TopicPartition, after: Promise<void>) => PartitionTask;

/**
 * The partition tasks of a group member. Each generation of the group has its own tasks: a partition that stays assigned
 * opens again, after its previous task has closed.
 */
export class PartitionTasks implements Iterable<PartitionTask> {
  private readonly tasks = new Map<string, PartitionTask>();
  /** The end of the previous tasks that have not closed yet, by partition. */
  private readonly leaving = new Map<string, Promise<void>>();

  [Symbol.iterator](): Iterator<PartitionTask> {
    return this.tasks.values();
  }

  get(partition: TopicPartition): PartitionTask | undefined {
    return this.tasks.get(partitionName(partition));
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
    return Array.from(this.tasks.values(), ({ status }) => status).sort(byTopicPartition);
  }

  /** Creates the tasks of a new generation. Remaining tasks belong to an older one and close at once. */
  replace(partitions: readonly TopicPartition[], create: CreatePartitionTask): void {
    void this.releaseAll(0);
    for (const partition of partitions) {
      const key = partitionName(partition);
      this.tasks.set(key, create(partition, this.leaving.get(key) ?? Promise.resolve()));
    }
  }

  /**
   * Drains and closes all tasks. Resolves when they have closed, including those of an earlier release, at the latest a
   * second after `drainMs`. A task that is still opening then closes later, and its successor waits for it.
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

/** Time to close, after the drain. */
const GRACE_MS = 1_000;
