import { randomUUID } from 'node:crypto';
import { DEAD_LETTER_GROUP } from '@orderstream/contracts';
import { createKafka, ensureTopics } from '@orderstream/kafka';
import { Metrics } from '@orderstream/observability';
import { DeadLetterBacklog } from '../src/dead-letter-backlog';

jest.setTimeout(60_000);

const DAY_MS = 86_400_000;
const kafka = createKafka({
  brokers: (process.env.TEST_KAFKA_BROKERS ?? '').split(','),
  clientId: 'dead-letter-backlog-spec',
});
const topic = `backlog-${randomUUID()}.dlq.validator`;
const admin = kafka.admin();
const producer = kafka.producer();

beforeAll(async () => {
  await Promise.all([admin.connect(), producer.connect()]);
});
afterAll(async () => {
  await admin.deleteTopics({ topics: [topic] });
  await Promise.all([admin.disconnect(), producer.disconnect()]);
});

it('counts on a broker what the group has not read, and what is left of it at 80 % of the retention', async () => {
  const spec = {
    name: topic,
    partitions: 2,
    cleanup: 'delete',
    retentionMs: 30 * DAY_MS,
    maxMessageBytes: 1_048_576,
    timestamps: 'CreateTime',
  } as const;
  await ensureTopics(kafka, [spec], { replication: 1 });
  const ages = [
    [29, 26, 25, 3],
    [25, 1, 1],
  ];
  for (const [partition, days] of ages.entries()) {
    const messages = days.map((age) => ({ partition, value: 'x', timestamp: String(Date.now() - age * DAY_MS) }));
    await producer.send({ topic, messages });
  }

  const metrics = new Metrics({ app: 'probe', processMetrics: false });
  const backlog = new DeadLetterBacklog({
    topics: [spec],
    createAdmin: () => kafka.admin(),
    metrics,
    logger: { warn: (fields: unknown) => void process.stderr.write(`${JSON.stringify(fields)}\n`) } as never,
  });
  const measured = async (): Promise<string[]> => {
    await backlog.refresh();
    return (await metrics.registry.metrics()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  };
  const series = (unread: number, expiring: number): string[] => [
    `orderstream_dead_letters_unread{topic="${topic}",app="probe"} ${String(unread)}`,
    `orderstream_dead_letters_expiring{topic="${topic}",app="probe"} ${String(expiring)}`,
  ];
  expect(await measured()).toEqual(series(7, 4));
  await admin.setOffsets({ groupId: DEAD_LETTER_GROUP, topic, partitions: [{ partition: 0, offset: '2' }] });
  expect(await measured()).toEqual(series(5, 2));
  await backlog.stop();
});
