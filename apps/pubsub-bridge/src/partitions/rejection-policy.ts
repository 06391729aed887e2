import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition } from '@orderstream/kafka';

/** So many messages rejected, with none accepted between them, are not the fault of records. */
const MAX_REJECTED_IN_A_ROW = 20;

/** Pub/Sub rejects whatever is published. Stops the partition: its records are not the cause. */
export class TopicRejectsAllError extends OrderstreamError {
  readonly code: ErrorCode = 'TOPIC_REJECTS_ALL';

  constructor(partition: TopicPartition, offset: number, found: string, cause: unknown) {
    super(
      `${partitionName(partition)}@${String(offset)} is not published and not dead-lettered: ${found}. ` +
        'The records are not the cause, and wait. Correct the topic, then POST /admin/resume ' +
        '(docs/pubsub-bridge.md#when-a-partition-stops)',
      { cause },
    );
  }
}

/** Decides whether a message that Pub/Sub rejected is at fault, or the topic. Shared by all partitions. */
export class RejectionPolicy {
  private inARow = 0;

  /** @param reasonOfTopic why the topic rejects everything, by its settings; rejects when they cannot be read */
  constructor(private readonly reasonOfTopic: () => Promise<string | undefined>) {}

  accepted(): void {
    this.inARow = 0;
  }

  /** An operator says that the topic is corrected. */
  reset(): void {
    this.inARow = 0;
  }

  /** Resolves when the message may be dead-lettered. @throws TopicRejectsAllError when the topic is at fault */
  async rejected(partition: TopicPartition, offset: number, error: Error): Promise<void> {
    // Without an answer, the count decides.
    const reason = await this.reasonOfTopic().catch(() => undefined);
    if (reason !== undefined) throw new TopicRejectsAllError(partition, offset, reason, error);
    if (this.inARow >= MAX_REJECTED_IN_A_ROW) {
      const found = `Pub/Sub has rejected ${String(this.inARow + 1)} messages in a row, the last with: ${error.message}`;
      throw new TopicRejectsAllError(partition, offset, found, error);
    }
    this.inARow++;
  }
}
