import { randomUUID } from 'node:crypto';

import { type Message } from '@google-cloud/pubsub';
import { createBigQuery } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { parseDeadLetter } from '@orderstream/dead-letters';
import {
  createKafka,
  fetchCommitted,
  type KafkaBatchServer,
  type KafkaRecord,
  type OutputRecord,
  type RecordBatch,
  readPartition,
  RecordProducer,
} from '@orderstream/kafka';
import { createLogger, Health, Metrics } from '@orderstream/observability';
import { connectPubSub } from '@orderstream/pubsub';

import { Bridge, TRANSPORT_ID } from '../src/bridge';
import { type BridgeSource, validatedOrders } from '../src/bridge-source';
import { pubsubBridgeSettings } from '../src/pubsub-bridge.config';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 30_000;

jest.setTimeout(60_000);

const run = randomUUID().slice(0, 8);
const env = (name: string): string => process.env[name] ?? '';
const settings = loadSettings(pubsubBridgeSettings, {
  KAFKA_BROKERS: env('TEST_KAFKA_BROKERS'),
  PUBSUB_PROJECT: env('TEST_BIGQUERY_PROJECT'),
  PUBSUB_EMULATOR_HOST: env('TEST_PUBSUB_EMULATOR_HOST'),
  PUBSUB_TOPIC: `bridge-topic-${run}`,
  PUBSUB_SUBSCRIPTION: `bridge-${run}`,
  PUBSUB_DEAD_LETTER_TOPIC: `bridge-dead-${run}`,
  PUBSUB_ORDERING: 'key',
  PUBSUB_COMMIT_INTERVAL_MS: '100',
  BIGQUERY_PROJECT: env('TEST_BIGQUERY_PROJECT'),
  BIGQUERY_DATASET: `bridge_${run}`,
  BIGQUERY_API_ENDPOINT: env('TEST_BIGQUERY_API_ENDPOINT'),
  BIGQUERY_GRPC_ENDPOINT: env('TEST_BIGQUERY_GRPC_ENDPOINT'),
});
const standard = validatedOrders();
const source: BridgeSource = {
  groupId: `bridge-${run}`,
  validated: { ...standard.validated, name: `bridge-${run}` },
  deadLetters: { ...standard.deadLetters, name: `bridge-${run}.dlq.pubsub-bridge` },
};
const TOPIC = source.validated.name;

const kafka = createKafka(settings.kafka);
const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
const pubsub = connectPubSub(settings.pubsub);
const received: Message[] = [];
let bridge: Bridge;
let server: KafkaBatchServer;

async function startBridge(): Promise<void> {
  const logger = createLogger({ service: 'pubsub-bridge', level: env('LOG_LEVEL') || 'silent' });
  bridge = new Bridge(
    settings,
    logger,
    new Metrics({ app: 'pubsub-bridge', processMetrics: false }),
    new Health(),
    source,
  );
  await bridge.prepare();
  server = bridge.createServer();
  server.addHandler(TOPIC, (batch: RecordBatch) => bridge.partitionBridges.take(batch, batch), true, {
    transport: TRANSPORT_ID,
  });
  await new Promise<void>((resolve, reject) => {
    server.listen((error) => {
      if (error === undefined) resolve();
      else reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
    });
  });
}

async function stopBridge(): Promise<void> {
  await server.close();
  await bridge.onApplicationShutdown();
}

const order = (id: string, partition: number, key: string, extra: Partial<OutputRecord> = {}): OutputRecord => ({
  topic: TOPIC,
  partition,
  key: Buffer.from(key),
  value: Buffer.from(JSON.stringify({ event_id: id, event_type: 'order.placed' })),
  headers: { ce_id: id, 'content-type': 'application/json' },
  ...extra,
});
const counts = (): { published: number; unacknowledged: number } =>
  bridge.status() as { published: number; unacknowledged: number };
const idOf = ({ data }: Message): string => (JSON.parse(data.toString()) as { event_id: string }).event_id;
const place = ({ attributes }: Message): string =>
  `${attributes.kafka_topic ?? ''}/${attributes.kafka_partition ?? ''}@${attributes.kafka_offset ?? ''}`;

async function deadLetters(partition: number): Promise<KafkaRecord[]> {
  const records: KafkaRecord[] = [];
  await readPartition(
    kafka,
    { topic: source.deadLetters.name, partition, from: 'beginning', until: 'end' },
    (batch) => void records.push(...batch.records),
  );
  return records;
}

beforeAll(async () => {
  await startBridge();
  await producer.connect();
  const subscription = pubsub.subscription(settings.pubsub.subscription);
  subscription.on('error', () => undefined);
  subscription.on('message', (message) => {
    received.push(message);
    message.ack();
  });
});

afterAll(async () => {
  await stopBridge();
  await producer.disconnect();
  await pubsub.subscription(settings.pubsub.subscription).close();
  const dead = settings.publish.deadLetterTopic;
  await Promise.all([
    pubsub.subscription(settings.pubsub.subscription).delete(),
    pubsub.subscription(`${dead}-console`).delete(),
    pubsub.topic(settings.pubsub.topic).delete(),
    pubsub.topic(dead).delete(),
  ]);
  await pubsub.close();
  await createBigQuery(settings.bigquery).dataset(settings.bigquery.dataset).delete({ force: true });
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [TOPIC, source.deadLetters.name] });
  await admin.deleteGroups([source.groupId]).catch(() => undefined);
  await admin.disconnect();
});

it('publishes every record with its place in the log, in the order of its key, and isolates what is rejected', async () => {
  const good = Array.from({ length: 600 }, (_, i) => order(`e${String(i)}`, i % 3, `k${String(i % 30)}`));
  await producer.send([
    ...good.slice(0, 300),
    order('', 0, 'k0', { value: Buffer.from('not JSON') }),
    order('', 1, 'k1', { headers: { huge: Buffer.alloc(80_000) } }),
    ...good.slice(300),
  ]);
  await waitUntil(() => new Set(received.map(place)).size >= good.length, {
    what: 'all of the messages',
    deadlineMs: WAIT_MS,
  });
  expect(new Set(received.map(idOf))).toEqual(new Set(good.map((_, i) => `e${String(i)}`)));
  for (let key = 0; key < 30; key++) {
    const ofKey = received.filter(({ orderingKey }) => orderingKey === `k${String(key)}`).map(idOf);
    expect([...new Set(ofKey)]).toEqual(Array.from({ length: 20 }, (_, i) => `e${String(key + 30 * i)}`));
  }
  const [first] = received;
  expect(first?.attributes).toMatchObject({ 'ce-id': first && idOf(first), 'content-type': 'application/json' });
  await waitUntil(
    async () => {
      const committed = await fetchCommitted(kafka, source.groupId, TOPIC);
      return committed[0] === 201 && committed[1] === 201 && committed[2] === 200;
    },
    { what: 'the commits', deadlineMs: WAIT_MS },
  );
  const [notJson] = await deadLetters(0);
  const [huge] = await deadLetters(1);
  expect(notJson && parseDeadLetter(notJson)).toMatchObject({ reason: 'structure.malformed_json', attempt: 1 });
  expect(huge && parseDeadLetter(huge)).toMatchObject({ reason: 'publish.attributes_overflow' });
  expect(notJson?.value?.toString()).toBe('not JSON');
});

it('resumes behind what was acknowledged: a restart loses nothing and repeats nothing that was drained', async () => {
  const send = (name: string): Promise<unknown> =>
    producer.send(Array.from({ length: 100 }, (_, i) => order(`${name}${String(i)}`, i % 6, `k${String(i)}`)));
  // Pub/Sub itself may deliver a message twice, also one of before: what the bridge repeats it has published twice.
  const arrived = (): Set<string> => new Set(received.map(idOf).filter((id) => /^[rs]\d/.test(id)));
  const before = counts().published;
  await send('r');
  await waitUntil(() => arrived().size > 0, { what: 'some of it', deadlineMs: WAIT_MS });
  await stopBridge();
  const { published } = counts();
  await send('s');
  await startBridge();
  await waitUntil(() => arrived().size === 200 && counts().unacknowledged === 0, {
    what: 'the rest',
    deadlineMs: WAIT_MS,
  });
  expect(published - before + counts().published).toBe(200);
});

it('puts topic and subscription up again when the emulator has forgotten them', async () => {
  received.length = 0;
  await pubsub.subscription(settings.pubsub.subscription).close();
  await pubsub.subscription(settings.pubsub.subscription).delete();
  await pubsub.topic(settings.pubsub.topic).delete();
  await producer.send([order('again', 0, 'k')]);
  const pull = pubsub.subscription(settings.pubsub.subscription);
  await waitUntil(async () => (await pull.exists())[0], { what: 'the subscription', deadlineMs: WAIT_MS });
  pull.on('error', () => undefined);
  pull.on('message', (message) => {
    received.push(message);
    message.ack();
  });
  await waitUntil(() => received.some((message) => idOf(message) === 'again'), {
    what: 'the message',
    deadlineMs: WAIT_MS,
  });
  await waitUntil(() => counts().unacknowledged === 0, { what: 'its acknowledgement', deadlineMs: WAIT_MS });
  expect(bridge.status()).toMatchObject({ ordering: 'key' });
});
