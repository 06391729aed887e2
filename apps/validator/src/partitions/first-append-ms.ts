import { readPartition, type TopicPartition } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

/**
 * Append time of the first record that the log still holds, or of the batch that cannot be decoded and stands before it.
 * Undefined if it holds none: when what it has lost was appended is not known then.
 *
 * @throws ReadTimeoutError when the broker does not answer
 */
export async function firstAppendMs(kafka: Kafka, ref: TopicPartition): Promise<number | undefined> {
  const found = new AbortController();
  let firstMs: number | undefined;
  const take = (timestamp: number | undefined): void => {
    firstMs ??= timestamp;
    if (firstMs !== undefined) found.abort();
  };
  try {
    await readPartition(
      kafka,
      {
        ...ref,
        from: 'beginning',
        until: 'end',
        isolation: 'committed',
        signal: found.signal,
        onUnreadable: ({ timestamp }) => {
          take(timestamp);
        },
      },
      ({ records }) => {
        take(records[0]?.timestamp);
      },
    );
  } catch (error) {
    if (!found.signal.aborted) throw error;
  }
  return firstMs;
}
