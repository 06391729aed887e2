import { FAMILIES, rawTopic, validatedTopic } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { fetchEndOffsets, partitionName } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';

import { type Consumer } from '../stack/fault-stack';

/** A consumer group and the topics that it reads. */
interface Input {
  readonly group: string;
  readonly topics: readonly string[];
}

const INPUTS: Readonly<Record<Consumer, readonly Input[]>> = {
  validator: FAMILIES.map((family) => ({ group: `validator-${family}`, topics: [rawTopic(family)] })),
  'bq-sink': [{ group: 'bq-sink', topics: FAMILIES.map(validatedTopic) }],
  'pubsub-bridge': [{ group: 'pubsub-bridge', topics: [validatedTopic('orders')] }],
};

/** About the time between two commits of a consumer under load. */
export const COMMIT_POLL_INTERVAL_MS = 250;

/** One partition of a consumer's input. */
export interface PartitionOffsets {
  readonly topic: string;
  readonly partition: number;
  readonly committed: number;
  readonly end: number;
}

/** Reads the committed offsets of the consumers and the end offsets of their input. */
export class CommittedOffsets {
  /** Records of logs that were deleted and are in no other log. */
  private removed = 0;

  private constructor(private readonly admin: Admin) {}

  static async connect(kafka: Kafka): Promise<CommittedOffsets> {
    const admin = kafka.admin();
    await admin.connect();
    return new CommittedOffsets(admin);
  }

  async close(): Promise<void> {
    await this.admin.disconnect();
  }

  /** Records between the committed offsets and the ends of the input. Transaction markers count. */
  async lag(consumer: Consumer): Promise<number> {
    return lagOf(await this.read(consumer));
  }

  /** A log was deleted: its records still count as produced. */
  logDeleted(records: number): void {
    this.removed += records;
  }

  /** Sum of the end offsets of the raw topics, deleted logs included: the records that the broker has acknowledged. */
  async produced(): Promise<number> {
    const ends = await Promise.all(FAMILIES.map((family) => fetchEndOffsets(this.admin, rawTopic(family))));
    return ends.flat().reduce((sum, end) => sum + end, this.removed);
  }

  async read(consumer: Consumer): Promise<readonly PartitionOffsets[]> {
    const [committed, ends] = await Promise.all([this.committed(consumer), this.ends(consumer)]);
    return ends.map((place) => ({ ...place, committed: committed.get(partitionName(place)) ?? 0 }));
  }

  /** Committed offsets by `topic/partition`. */
  async committed(consumer: Consumer): Promise<ReadonlyMap<string, number>> {
    const groups = await Promise.all(
      INPUTS[consumer].map(({ group, topics }) => this.admin.fetchOffsets({ groupId: group, topics: [...topics] })),
    );
    const entries = groups
      .flat()
      .flatMap(({ topic, partitions }) =>
        partitions.map(
          ({ partition, offset }) => [partitionName({ topic, partition }), Math.max(0, Number(offset))] as const,
        ),
      );
    return new Map(entries);
  }

  /** Waits until the consumer has committed in at least so many partitions. @throws DeadlineError */
  async waitUntilMoved(
    consumer: Consumer,
    { partitions, deadlineMs }: { readonly partitions: number; readonly deadlineMs: number },
  ): Promise<void> {
    let before: ReadonlyMap<string, number> | undefined;
    await waitUntil(
      async () => {
        const now = await this.committed(consumer);
        const first = (before ??= now);
        return [...now].filter(([name, offset]) => offset > (first.get(name) ?? 0)).length >= partitions;
      },
      {
        what: `${consumer} to commit in ${String(partitions)} partitions`,
        deadlineMs,
        intervalMs: COMMIT_POLL_INTERVAL_MS,
      },
    );
  }

  private async ends(consumer: Consumer): Promise<Omit<PartitionOffsets, 'committed'>[]> {
    const topics = INPUTS[consumer].flatMap((input) => input.topics);
    const ends = await Promise.all(
      topics.map(async (topic) =>
        (await fetchEndOffsets(this.admin, topic)).map((end, partition) => ({ topic, partition, end })),
      ),
    );
    return ends.flat();
  }
}

export const lagOf = (partitions: readonly PartitionOffsets[]): number =>
  partitions.reduce((sum, { committed, end }) => sum + Math.max(0, end - committed), 0);
