import { randomUUID } from 'node:crypto';

import { type Message } from '@google-cloud/pubsub';
import { createBigQuery } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { MAX_HEADERS_BYTES } from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import {
  createKafka,
  fetchCommittedOffsets,
  type KafkaBatchServer,
  type KafkaRecord,
  type OutputRecord,
  type RecordBatch,
  readPartition,
  RecordProducer,
} from '@orderstream/kafka';
import { createLogger, Health, Metrics, NO_TRACING } from '@orderstream/observability';
import { connectPubSub } from '@orderstream/pubsub';

import { PubSubBridgeService, TRANSPORT_ID } from '../src/pubsub-bridge.service';
import { type BridgeSource, validatedOrders } from '../src/bridge-source';
import { pubsubBridgeSettings } from '../src/pubsub-bridge.config';
import { RejectingProxy } from './rejecting-proxy';

const WAIT_MS = 30_000;

jest.setTimeout(60_000);

const run = randomUUID().slice(0, 8);
const env = (name: string): string => process.env[name] ?? '';
const settingsWith = (emulatorHost: string) =>
  loadSettings(pubsubBridgeSettings, {
    KAFKA_BROKERS: env('TEST_KAFKA_BROKERS'),
    PUBSUB_PROJECT: env('TEST_BIGQUERY_PROJECT'),
    PUBSUB_EMULATOR_HOST: emulatorHost,
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
/** The test's own clients use the emulator, the bridge the proxy in front of it. */
const settings = settingsWith(env('TEST_PUBSUB_EMULATOR_HOST'));
/** The event id that Pub/Sub rejects. */
const REJECTED = 'pubsub-rejects-this';
const standard = validatedOrders();
const source: BridgeSource = {
  groupId: `bridge-${run}`,
  validated: { ...standard.validated, name: `bridge-${run}` },
  retry: { ...standard.retry, name: `bridge-${run}.retry.pubsub-bridge` },
  deadLetters: { ...standard.deadLetters, name: `bridge-${run}.dlq.pubsub-bridge` },
  parked: { ...standard.parked, name: `bridge-${run}.dlq.pubsub-bridge.parked` },
};
const TOPIC = source.validated.name;

const kafka = createKafka(settings.kafka);
const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
const pubsub = connectPubSub(settings.pubsub);
const received: Message[] = [];
const logLines: Record<string, unknown>[] = [];
let proxy: RejectingProxy;
let bridge: PubSubBridgeService;
let server: KafkaBatchServer;

async function startBridge(): Promise<void> {
  const destination = { write: (text: string) => logLines.push(JSON.parse(text) as Record<string, unknown>) };
  bridge = new PubSubBridgeService(
    settingsWith(proxy.address),
    createLogger({ service: 'pubsub-bridge', level: 'info', destination }),
    new Metrics({ app: 'pubsub-bridge', processMetrics: false }),
    NO_TRACING,
    new Health(),
    source,
  );
  await bridge.prepare();
  server = bridge.createServer();
  for (const topic of [TOPIC, source.retry.name]) {
    server.addHandler(topic, (batch: RecordBatch) => bridge.partitions.take(batch, batch), true, {
      transport: TRANSPORT_ID,
    });
  }
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
const coordinatesOf = ({ attributes }: Message): string =>
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
  proxy = await RejectingProxy.start(env('TEST_PUBSUB_EMULATOR_HOST'), REJECTED);
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
  await proxy.close();
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
  await admin.deleteTopics({ topics: [TOPIC, source.retry.name, source.deadLetters.name, source.parked.name] });
  await admin.deleteGroups([source.groupId]).catch(() => undefined);
  await admin.disconnect();
});

it('publishes every record with its coordinates, in the order of its key, and isolates rejected records', async () => {
  const large = Buffer.alloc(MAX_HEADERS_BYTES - 100, 0xff);
  const good = Array.from({ length: 600 }, (_, i) =>
    order(`e${String(i)}`, i % 3, `k${String(i % 30)}`, i === 7 ? { headers: { ce_id: 'e7', large } } : {}),
  );
  const sent = [
    ...good.slice(0, 300),
    order('', 0, 'k0', { value: Buffer.from('not JSON') }),
    order(REJECTED, 0, 'k0'),
    order('', 1, 'k1', { headers: { huge: Buffer.alloc(80_000) } }),
    ...good.slice(300),
  ];
  await producer.send(sent);
  await waitUntil(() => new Set(received.map(idOf)).size >= good.length, {
    what: 'all of the messages',
    deadlineMs: WAIT_MS,
  });
  const ends = [0, 0, 0];
  const coordinates = sent.map(({ partition }) => {
    const offset = ends[partition] ?? 0;
    ends[partition] = offset + 1;
    return `${TOPIC}/${String(partition)}@${String(offset)}`;
  });
  const expected = new Map(good.map((record, i) => [`e${String(i)}`, coordinates[sent.indexOf(record)]]));
  expect(new Map(received.map((message) => [idOf(message), coordinatesOf(message)]))).toEqual(expected);
  for (let key = 0; key < 30; key++) {
    const ofKey = received.filter(({ orderingKey }) => orderingKey === `k${String(key)}`).map(idOf);
    expect([...new Set(ofKey)]).toEqual(Array.from({ length: 20 }, (_, i) => `e${String(key + 30 * i)}`));
  }
  const [first] = received;
  const carried = received.find((message) => idOf(message) === 'e7')?.attributes ?? {};
  const text = Object.keys(carried)
    .filter((name) => name.startsWith('kafka_headers_'))
    .map((_, n) => carried[`kafka_headers_${String(n)}`]);
  expect(Buffer.from(text.join(''), 'base64').includes(large)).toBe(true);
  expect(first?.attributes).toMatchObject({ 'ce-id': first && idOf(first), 'content-type': 'application/json' });
  await waitUntil(
    async () => (await fetchCommittedOffsets(kafka, source.groupId, TOPIC)).slice(0, 3).join() === ends.join(),
    {
      what: 'the commits',
      deadlineMs: WAIT_MS,
    },
  );
  expect(proxy.rejected).toBeGreaterThan(0);
  const letters = (await Promise.all([0, 1, 2].map(deadLetters))).map((records) => records.map(parseDeadLetter));
  const summaries = letters.map((each) =>
    each.map(({ reason, attempt, source: { offset } }) => [offset, reason, attempt]).sort(),
  );
  expect(summaries).toEqual([
    [
      [100, 'structure.malformed_json', 1],
      [101, 'publish.rejected', 1],
    ],
    [[100, 'publish.attributes_overflow', 1]],
    [],
  ]);
  expect(letters[0]?.map(({ value }) => value?.toString())).toEqual(
    expect.arrayContaining(['not JSON', sent[301]?.value?.toString()]),
  );
  // One line per dead letter.
  const logged = logLines.filter(({ msg }) => msg === 'dead-lettered').map(({ reason }) => reason);
  expect(logged.sort()).toEqual(
    letters
      .flat()
      .map(({ reason }) => reason)
      .sort(),
  );
});

it('publishes what a replay returns with its original coordinates, and counts the attempts of what is rejected again', async () => {
  const letters = await deadLetters(0);
  const letterOf = (offset: number): KafkaRecord => {
    const found = letters.find(({ headers }) => String(headers['dlq-source-offset']) === String(offset));
    if (found === undefined) throw new RangeError(`no dead letter of ${String(offset)}`);
    return found;
  };
  const retry = { topic: source.retry.name, partition: 0 };
  const accepted = letterOf(101);
  // As an operator edits it: Pub/Sub rejects the id wherever it stands in a message.
  const headers = { ...accepted.headers, ce_id: Buffer.from('returned') };
  const returned = { ...accepted, value: Buffer.from('{"event_id":"returned"}'), headers };
  const foreign = { key: null, value: Buffer.from('{"event_id":"foreign"}'), headers: {} };
  await producer.send([
    { ...returned, ...retry },
    { ...letterOf(100), ...retry },
    { ...foreign, ...retry },
  ]);
  await waitUntil(async () => (await deadLetters(0)).length === 4, { what: 'the dead letters', deadlineMs: WAIT_MS });
  const published = (): Message | undefined => received.find((message) => idOf(message) === 'returned');
  await waitUntil(() => published() !== undefined, { what: 'the message', deadlineMs: WAIT_MS });
  expect(published()?.attributes).toMatchObject({
    kafka_topic: TOPIC,
    kafka_partition: '0',
    kafka_offset: '101',
    'ce-id': 'returned',
  });
  expect(Object.keys(published()?.attributes ?? {}).filter((name) => name.startsWith('dlq-'))).toEqual([]);
  const again = (await deadLetters(0)).slice(2).map(parseDeadLetter);
  expect(again.map(({ reason, attempt, source: { topic, offset } }) => [reason, attempt, topic, offset])).toEqual([
    ['structure.malformed_json', 2, TOPIC, 100],
    ['replay.source_unknown', 1, retry.topic, 2],
  ]);
  expect(again[0]?.firstFailedAt).toEqual(parseDeadLetter(letterOf(100)).firstFailedAt);
});

it('resumes at the committed offset after a restart, without a record lost or a drained record published again', async () => {
  const send = (name: string): Promise<unknown> =>
    producer.send(Array.from({ length: 100 }, (_, i) => order(`${name}${String(i)}`, i % 6, `k${String(i)}`)));
  // Pub/Sub may deliver a message twice. The bridge's own count shows what the bridge published twice.
  const arrived = (): Set<string> => new Set(received.map(idOf).filter((id) => /^[rs]\d/.test(id)));
  const before = counts().published;
  await send('r');
  await waitUntil(() => arrived().size > 0, { what: 'the first messages', deadlineMs: WAIT_MS });
  await stopBridge();
  const { published } = counts();
  await send('s');
  await startBridge();
  await waitUntil(() => arrived().size === 200 && counts().unacknowledged === 0, {
    what: 'all messages and their acknowledgements',
    deadlineMs: WAIT_MS,
  });
  expect(published - before + counts().published).toBe(200);
});

it('re-creates topic and subscription that are gone, and publishes the record after that', async () => {
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
  expect(bridge.status()).toMatchObject({ topic: settings.pubsub.topic, ordering: 'key', unacknowledged: 0 });
});
