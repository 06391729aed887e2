import { Kafka, logLevel, type EachBatchPayload, type Producer } from 'kafkajs';
import { FAMILIES, rawTopic } from '@orderstream/contracts';
import { PASS_THROUGH_GROUP, passThroughTopic } from './names';

/**
 * The baseline of the validator: copies each batch to another topic and commits its offset in the same transaction,
 * with one transactional producer per input partition.
 */
async function copyRawTopics(): Promise<void> {
  const kafka = new Kafka({
    brokers: (process.env.KAFKA_BROKERS ?? '').split(','),
    clientId: 'pass-through',
    logLevel: logLevel.ERROR,
  });
  const producers = new Map<string, Promise<Producer>>();
  const producerOf = (topic: string, partition: number): Promise<Producer> => {
    const id = `${PASS_THROUGH_GROUP}.${topic}.${String(partition)}`;
    const known = producers.get(id);
    if (known) return known;
    const producer = kafka.producer({
      transactionalId: id,
      idempotent: true,
      maxInFlightRequests: 1,
      retry: { initialRetryTime: 8 },
    });
    const connected = producer.connect().then(() => producer);
    producers.set(id, connected);
    return connected;
  };

  const copy = async ({ batch }: EachBatchPayload): Promise<void> => {
    const transaction = await (await producerOf(batch.topic, batch.partition)).transaction();
    await transaction.send({
      topic: passThroughTopic(batch.topic),
      acks: -1,
      messages: batch.messages.map(({ key, value, headers, timestamp }) => ({
        key,
        value,
        headers,
        timestamp,
        partition: batch.partition,
      })),
    });
    await transaction.sendOffsets({
      consumerGroupId: PASS_THROUGH_GROUP,
      topics: [
        {
          topic: batch.topic,
          partitions: [{ partition: batch.partition, offset: String(BigInt(batch.lastOffset()) + 1n) }],
        },
      ],
    });
    await transaction.commit();
  };

  const consumer = kafka.consumer({ groupId: PASS_THROUGH_GROUP, maxBytesPerPartition: 1_048_576 });
  await consumer.connect();
  await consumer.subscribe({ topics: FAMILIES.map(rawTopic), fromBeginning: true });
  await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 24, eachBatch: copy });
  process.once('SIGTERM', () => {
    void consumer.disconnect().finally(() => process.exit(0));
  });
}

void copyRawTopics();
