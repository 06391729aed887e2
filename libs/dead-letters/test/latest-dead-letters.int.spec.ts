import { randomUUID } from 'node:crypto';

import { createKafka, ensureTopics, RecordProducer } from '@orderstream/kafka';

import { buildDeadLetter } from '../src/build-dead-letter';
import { latestDeadLetters } from '../src/latest-dead-letters';

jest.setTimeout(60_000);

const kafka = createKafka({
  brokers: (process.env.TEST_KAFKA_BROKERS ?? '').split(','),
  clientId: 'dead-letters-spec',
});
const source = `dead-letters-${randomUUID()}`;
const topic = `${source}.dlq.validator`;

afterAll(async () => {
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await admin.disconnect();
});

it('returns the latest dead letters of all partitions, latest first, and skips records that are not dead letters', async () => {
  const spec = {
    name: topic,
    partitions: 2,
    cleanup: 'delete',
    maxMessageBytes: 1_048_576,
    timestamps: 'CreateTime',
  } as const;
  await ensureTopics(kafka, [spec], { replication: 1 });
  const producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
  await producer.connect();
  await producer.send([
    ...Array.from({ length: 20 }, (_, i) =>
      buildDeadLetter(
        {
          topic: source,
          partition: i % 2,
          offset: i,
          timestamp: i,
          key: null,
          value: Buffer.from(String(i)),
          headers: {},
        },
        { app: 'validator', reasons: [{ code: 'time.in_future' }], failedAt: new Date(1_000 * i) },
      ),
    ),
    { topic, partition: 0, key: null, value: Buffer.from('stray'), headers: {} },
  ]);
  await producer.disconnect();

  const unreadable: string[] = [];
  const onUnreadable = (error: Error): void => void unreadable.push(error.message);
  const latest = await latestDeadLetters(kafka, { limit: 5, topics: [topic, 'no-such-topic'], onUnreadable });
  expect(latest.map(({ source: { offset } }) => offset)).toEqual([19, 18, 17, 16, 15]);
  expect(unreadable).toEqual([expect.stringContaining(`${topic}/0@10 is not a dead letter`)]);
  const all = await latestDeadLetters(kafka, { limit: 100, topics: [topic] });
  expect(all).toHaveLength(20);
});
