import { fetchLogBounds, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

/** The latest append time of the last record of each partition, milliseconds since 1970; 0 if the topics have no record. */
export async function lastAppendTime(kafka: Kafka, topics: readonly string[]): Promise<number> {
  let latestMs = 0;
  for (const topic of topics) {
    const { beginnings, ends } = await fetchLogBounds(kafka, topic);
    for (const [partition, end] of ends.entries()) {
      if (end <= (beginnings[partition] ?? 0)) continue;
      await readPartition(kafka, { topic, partition, from: end - 1, until: end }, ({ records }) => {
        for (const { timestamp } of records) latestMs = Math.max(latestMs, timestamp);
      });
    }
  }
  return latestMs;
}
