import { type KafkaRecord, type PartitionRef, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

/**
 * Committed records of a partition, and where the reading ended. A commit is answered before its markers are written: so up
 * to the high watermark, and not to the last stable offset, which may still lie before what was just committed.
 */
export async function readCommitted(
  kafka: Kafka,
  { topic, partition }: PartitionRef,
  from: number | 'beginning' = 'beginning',
): Promise<{ records: KafkaRecord[]; nextOffset: number }> {
  const records: KafkaRecord[] = [];
  const place = { topic, partition, from };
  const written = await readPartition(kafka, { ...place, until: 'end', isolation: 'uncommitted' }, () => undefined);
  const { nextOffset } = await readPartition(kafka, { ...place, until: written.nextOffset }, (batch) => {
    records.push(...batch.records);
  });
  return { records, nextOffset };
}
