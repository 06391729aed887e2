import { PartitionTransactions } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

const TRANSACTION_TIMEOUT_MS = 15_000;

/**
 * Sets committed offsets of the bridge's group, so that it reads the records from there on again. A process that still
 * owns a partition is fenced: it commits nothing any more. Each commit keeps the metadata, which says of which log it is.
 *
 * @param offsets by partition; a partition without one keeps its committed offset
 * @throws TransactionFailedError; the reason of the signal
 */
export async function rewindGroup(
  kafka: Kafka,
  { groupId, topic, offsets }: { groupId: string; topic: string; offsets: ReadonlyMap<number, number> },
  signal?: AbortSignal,
): Promise<void> {
  for (const [partition, offset] of offsets) {
    signal?.throwIfAborted();
    const transactions = await PartitionTransactions.open(kafka, {
      groupId,
      topic,
      partition,
      transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    });
    try {
      const { metadata } = transactions.committed;
      await transactions.commit({ records: [], offset, ...(metadata === undefined ? {} : { metadata }) });
    } finally {
      await transactions.close();
    }
  }
}
