import { fetchCommittedOffsets, HighWatermarks, readPartition } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { replayOf } from '../headers';

/** Records at the end of a target partition that are searched for returned ones. */
const MAX_SEARCHED = 5_000;

/** The returned records of a plan, as far as their consumers are. */
export interface Fate {
  /** Letters that came back until now. */
  poll(signal: AbortSignal): Promise<number>;
  /** Whether the consumers have committed every returned record. */
  isKnown(signal: AbortSignal): Promise<boolean>;
  close(): Promise<void>;
}

/** Where the fate of a plan's letters is seen. */
export interface WatchedTopics {
  /** Ends of the partitions at the preview of the topics in which rejected records arrive. */
  readonly rejected: Readonly<Record<string, readonly number[]>>;
  /** Topics to which letters were returned until now. */
  targets(): Iterable<string>;
  /** The consumer groups whose reading of a target decides. Without one, nothing is known. */
  groupsOf(target: string): Promise<readonly string[]>;
}

/**
 * Counts the letters of a plan that were rejected again: dead letters, and parked ones, behind the preview, with the mark
 * of the plan. It counts each once, also when it is built again after a restart.
 *
 * It reads up to the high watermarks: a broker answers a commit before it writes the markers, so that the last stable offset
 * may still lie before the records of a transaction that is committed.
 */
export class KafkaFate implements Fate {
  private readonly next: ReadonlyMap<string, number[]>;
  private readonly ends = new Map<string, HighWatermarks>();
  private count = 0;

  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly planId: string,
    private readonly watched: WatchedTopics,
  ) {
    this.next = new Map(Object.entries(watched.rejected).map(([topic, ends]) => [topic, [...ends]]));
  }

  async poll(signal: AbortSignal): Promise<number> {
    for (const [topic, next] of this.next) {
      const ends = await this.endsOf(topic);
      for (const [partition, until] of ends.entries()) {
        const from = next[partition] ?? 0;
        if (from >= until) continue;
        const marked = await this.markedIn(topic, partition, from, until, signal);
        next[partition] = until;
        this.count += marked;
      }
    }
    return this.count;
  }

  async isKnown(signal: AbortSignal): Promise<boolean> {
    for (const target of this.watched.targets()) {
      // The ends first: what was returned before lies below them.
      const ends = await this.endsOf(target);
      const groups = await this.watched.groupsOf(target);
      if (groups.length === 0) return false;
      for (const group of groups) if (!(await this.hasRead(group, target, ends, signal))) return false;
    }
    return true;
  }

  async close(): Promise<void> {
    await Promise.all([...this.ends.values()].map((ends) => ends.close()));
  }

  private async hasRead(group: string, target: string, ends: readonly number[], signal: AbortSignal): Promise<boolean> {
    const committed = await fetchCommittedOffsets(this.admin, group, target);
    for (const [partition, end] of ends.entries()) {
      const from = committed[partition] ?? 0;
      if (from >= end) continue;
      if (end - from > MAX_SEARCHED) return false;
      // A committed offset may stay before the markers of transactions.
      if ((await this.markedIn(target, partition, from, end, signal)) > 0) return false;
    }
    return true;
  }

  private async markedIn(
    topic: string,
    partition: number,
    from: number,
    until: number,
    signal: AbortSignal,
  ): Promise<number> {
    let marked = 0;
    await readPartition(this.kafka, { topic, partition, from, until, signal }, ({ records }) => {
      for (const { headers } of records) if (replayOf(headers)?.plan === this.planId) marked++;
    });
    return marked;
  }

  private endsOf(topic: string): Promise<number[]> {
    let ends = this.ends.get(topic);
    if (ends === undefined) this.ends.set(topic, (ends = new HighWatermarks(this.kafka, topic)));
    return ends.fetch();
  }
}
