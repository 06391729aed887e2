import { type KafkaRecord, type TopicPartition, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

/**
 * Reads the committed records of a partition up to the high watermark, and returns them with the offset after them. The
 * last stable offset would not do: a broker answers a commit before it writes the markers, so that offset can still lie
 * before records that were just committed.
 */
export async function readCommitted(
  kafka: Kafka,
  { topic, partition }: TopicPartition,
  from: number | 'beginning' = 'beginning',
): Promise<{ records: KafkaRecord[]; nextOffset: number }> {
  const records: KafkaRecord[] = [];
  const range = { topic, partition, from };
  const written = await readPartition(kafka, { ...range, until: 'end', isolation: 'uncommitted' }, () => undefined);
  const { nextOffset } = await readPartition(kafka, { ...range, until: written.nextOffset }, (batch) => {
    records.push(...batch.records);
  });
  return { records, nextOffset };
}
