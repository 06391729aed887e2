import { type KafkaLogger } from '../client/kafka-settings';
import { partitionName, type TopicPartition } from '../topic-partition';
import { type OpenTransaction } from './partition-lag';

/** A transaction that is open for longer is logged, and again after each such time. */
const WARN_AFTER_MS = 60_000;

/** Logs the transactions of other producers that hold back a partition, with their age. */
export class OpenTransactionLog {
  /** When the open transaction of a partition was last logged. */
  private readonly warnedAt = new Map<string, number>();

  constructor(private readonly logger: KafkaLogger | undefined) {}

  /** @param transaction the oldest one that is open in the partition; undefined when there is none */
  observe(partition: TopicPartition, transaction: OpenTransaction | undefined): void {
    const name = partitionName(partition);
    if (transaction === undefined) {
      this.warnedAt.delete(name);
      return;
    }
    const { openMs, ...ends } = transaction;
    const now = performance.now();
    if (openMs <= WARN_AFTER_MS || now - (this.warnedAt.get(name) ?? -Infinity) < WARN_AFTER_MS) return;
    this.warnedAt.set(name, now);
    const openSeconds = Math.round(openMs / 1_000);
    this.logger?.warn(
      { ...partition, ...ends, openSeconds },
      `a transaction of a producer has been open in ${name} for ${openSeconds.toString()} s: records from its offset on ` +
        'wait until it ends. Find the producer with kafka-transactions.sh describe-producers; kafka-transactions.sh ' +
        'abort ends a transaction that hangs',
    );
  }
}
