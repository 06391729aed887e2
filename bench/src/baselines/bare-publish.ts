import { PubSub } from '@google-cloud/pubsub';
import { Kafka, logLevel, type EachBatchPayload } from 'kafkajs';
import { validatedTopic } from '@orderstream/contracts';
import { BARE_PUBLISH_GROUP, BARE_PUBLISH_TOPIC } from './names';

const MAX_MESSAGES = 1000;

/** The baseline of the bridge: publishes the same values in batches of 1,000, without attributes and checks. */
async function publishValues(): Promise<void> {
  const pubsub = new PubSub({ projectId: process.env.PUBSUB_PROJECT ?? 'bench' });
  const publisher = pubsub.topic(BARE_PUBLISH_TOPIC, {
    batching: { maxMessages: MAX_MESSAGES, maxMilliseconds: 10, maxBytes: 5_000_000 },
  });
  await pubsub.createTopic(BARE_PUBLISH_TOPIC);

  const kafka = new Kafka({
    brokers: (process.env.KAFKA_BROKERS ?? '').split(','),
    clientId: 'bare-publish',
    logLevel: logLevel.ERROR,
  });
  const consumer = kafka.consumer({
    groupId: BARE_PUBLISH_GROUP,
    maxBytesPerPartition: 1_048_576,
    readUncommitted: false,
  });
  const publish = async ({ batch }: EachBatchPayload): Promise<void> => {
    await Promise.all(batch.messages.map(({ value }) => publisher.publishMessage({ data: value })));
    await consumer.commitOffsets([
      { topic: batch.topic, partition: batch.partition, offset: String(BigInt(batch.lastOffset()) + 1n) },
    ]);
  };
  await consumer.connect();
  await consumer.subscribe({ topics: [validatedTopic('orders')], fromBeginning: true });
  await consumer.run({ autoCommit: false, partitionsConsumedConcurrently: 6, eachBatch: publish });
  process.once('SIGTERM', () => {
    void consumer.disconnect().finally(() => process.exit(0));
  });
}

void publishValues();
