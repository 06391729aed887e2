import { fetchCommittedOffsets, HighWatermarks, readPartition } from '@orderstream/kafka';
import { type Admin, type Kafka } from 'kafkajs';
import { replayOf } from '../headers';
import { type ReplayTopic } from './replay-topic';

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

/**
 * Counts the letters of a plan that were rejected again: dead letters, and parked ones, behind the preview, with the mark
 * of the plan. It counts each once, also when it is built again after a restart.
 *
 * It reads up to the high watermarks: a broker answers a commit before it writes the markers, so that the last stable offset
 * may still lie before the records of a transaction that is committed.
 */
export class KafkaFate implements Fate {
  private readonly next = new Map<string, number[]>();
  private readonly ends = new Map<string, HighWatermarks>();
  private count = 0;

  /** @param ends of the partitions at the preview: of the dead-letter topic, and of the parked topic */
  constructor(
    private readonly kafka: Kafka,
    private readonly admin: Admin,
    private readonly planId: string,
    private readonly topic: ReplayTopic,
    ends: { readonly letters: readonly number[]; readonly parked: readonly number[] },
  ) {
    this.next.set(topic.topic, [...ends.letters]);
    if (ends.parked.length > 0) this.next.set(topic.parked, [...ends.parked]);
  }

  async poll(signal: AbortSignal): Promise<number> {
    for (const [topic, next] of this.next) {
      const ends = await this.endsOf(topic);
      for (const [partition, until] of ends.entries()) {
        const from = next[partition] ?? 0;
        if (from >= until) continue;
        let marked = 0;
        await readPartition(this.kafka, { topic, partition, from, until, signal }, ({ records }) => {
          for (const { headers } of records) if (replayOf(headers)?.plan === this.planId) marked++;
        });
        next[partition] = until;
        this.count += marked;
      }
    }
    return this.count;
  }

  async isKnown(signal: AbortSignal): Promise<boolean> {
    const { target, groupId } = this.topic;
    // The end first: what was returned before lies below it.
    const ends = await this.endsOf(target);
    const committed = await fetchCommittedOffsets(this.admin, groupId, target);
    for (const [partition, end] of ends.entries()) {
      const from = committed[partition] ?? 0;
      if (from >= end) continue;
      if (end - from > MAX_SEARCHED) return false;
      // A committed offset may stay before the markers of transactions.
      let marked = 0;
      await readPartition(this.kafka, { topic: target, partition, from, until: end, signal }, ({ records }) => {
        for (const { headers } of records) if (replayOf(headers)?.plan === this.planId) marked++;
      });
      if (marked > 0) return false;
    }
    return true;
  }
  async close(): Promise<void> {
    await Promise.all([...this.ends.values()].map((ends) => ends.close()));
  }

  private endsOf(topic: string): Promise<number[]> {
    let ends = this.ends.get(topic);
    if (ends === undefined) this.ends.set(topic, (ends = new HighWatermarks(this.kafka, topic)));
    return ends.fetch();
  }
}
