import { randomUUID } from 'node:crypto';

import { createBigQuery, ensureDataset, ensureTables, queryFresh } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { TABLES } from '@orderstream/contracts';
import { createLogger, Health } from '@orderstream/observability';
import { connectPubSub, ensureTopology, type Topology } from '@orderstream/pubsub';

import { SubscriptionEmulator } from '../src/subscription-emulator/subscription-emulator';
import { subscriptionEmulatorSettings } from '../src/subscription-emulator/subscription-emulator.config';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 45_000;

jest.setTimeout(60_000);

const run = randomUUID().slice(0, 8);
const env = (name: string): string => process.env[name] ?? '';
const settings = loadSettings(subscriptionEmulatorSettings, {
  PUBSUB_PROJECT: env('TEST_BIGQUERY_PROJECT'),
  PUBSUB_EMULATOR_HOST: env('TEST_PUBSUB_EMULATOR_HOST'),
  PUBSUB_SUBSCRIPTION: `emulator-${run}`,
  BIGQUERY_PROJECT: env('TEST_BIGQUERY_PROJECT'),
  BIGQUERY_DATASET: `emulator_${run}`,
  BIGQUERY_API_ENDPOINT: env('TEST_BIGQUERY_API_ENDPOINT'),
  BIGQUERY_GRPC_ENDPOINT: env('TEST_BIGQUERY_GRPC_ENDPOINT'),
});
const topology: Topology = {
  topic: `emulator-topic-${run}`,
  subscription: settings.pubsub.subscription,
  deadLetterTopic: `emulator-dead-${run}`,
  deadLetterSubscription: `emulator-dead-${run}-console`,
  table: `${settings.bigquery.project}.${settings.bigquery.dataset}.streaming_orders`,
  ordered: false,
  maxDeliveryAttempts: 5,
  retryBackoffSeconds: { min: 0.1, max: 0.2 },
};

const pubsub = connectPubSub(settings.pubsub);
const bigquery = createBigQuery(settings.bigquery);
const dataset = bigquery.dataset(settings.bigquery.dataset);
const started: SubscriptionEmulator[] = [];

function start(): SubscriptionEmulator {
  const logger = createLogger({ service: 'subscription-emulator', level: 'silent' });
  const emulator = new SubscriptionEmulator(settings, logger, new Health());
  started.push(emulator);
  emulator.start();
  return emulator;
}

const rows = (): Promise<readonly Readonly<Record<string, unknown>>[]> =>
  queryFresh(
    bigquery,
    `SELECT event_id, item_price, order_placed_at, subscription_name, message_id, attributes, publish_time
     FROM \`${topology.table}\` ORDER BY event_id`,
  );
const publish = (body: unknown, attributes: Record<string, string> = {}): Promise<string> =>
  pubsub.topic(topology.topic).publishMessage({ data: Buffer.from(JSON.stringify(body)), attributes });

beforeAll(async () => {
  await ensureDataset(bigquery, settings.bigquery.dataset, settings.bigquery.location);
  const table = TABLES.streaming_orders;
  if (table === undefined) throw new Error('no contract for streaming_orders');
  await ensureTables(dataset, [table]);
});

afterAll(async () => {
  await Promise.all([
    pubsub.subscription(topology.subscription).delete(),
    pubsub.subscription(topology.deadLetterSubscription).delete(),
    pubsub.topic(topology.topic).delete(),
    pubsub.topic(topology.deadLetterTopic).delete(),
  ]);
  await pubsub.close();
  await dataset.delete({ force: true });
});

afterEach(async () => {
  await Promise.all(started.splice(0).map((emulator) => emulator.onModuleDestroy()));
});

it('waits for its subscription, writes rows with metadata, and dead-letters messages that are not rows', async () => {
  const emulator = start();
  await waitUntil(() => JSON.stringify(emulator.status()).includes('waiting for the subscription'), {
    what: 'the emulator to look for its subscription',
    deadlineMs: WAIT_MS,
  });
  await ensureTopology(pubsub, topology);
  await publish(
    { event_id: 'a', item_price: '12.50', order_placed_at: '2026-01-02T03:04:05.678Z' },
    { kafka_offset: '7' },
  );
  await publish({ event_id: 'b', no_such_column: 1 });
  await publish(['not', 'an', 'object']);
  const dead = pubsub.subscription(topology.deadLetterSubscription);
  const forwarded: string[] = [];
  dead.on('error', () => undefined);
  dead.on('message', (message) => {
    forwarded.push(message.data.toString());
    message.ack();
  });
  await waitUntil(() => forwarded.length === 2, { what: 'two dead letters', deadlineMs: WAIT_MS });
  await dead.close();

  expect(forwarded.toSorted()).toEqual(['["not","an","object"]', '{"event_id":"b","no_such_column":1}']);
  const [row, ...others] = await rows();
  expect(others).toEqual([]);
  expect(row).toMatchObject({
    event_id: 'a',
    subscription_name: `projects/${settings.pubsub.project}/subscriptions/${topology.subscription}`,
  });
  expect(String(row?.item_price)).toBe('12.5');
  expect(JSON.parse(String(row?.attributes))).toEqual({ kafka_offset: '7' });
  expect(emulator.status()).toMatchObject({ rowsWritten: 1, rejected: 10 });
});

it('delivers all messages of the subscription before it stops', async () => {
  const count = 2_500;
  await Promise.all(
    Array.from({ length: count }, (_, i) => publish({ event_id: `drain-${String(i).padStart(5, '0')}` })),
  );
  const emulator = start();
  await waitUntil(() => !JSON.stringify(emulator.status()).includes('"rowsWritten":0'), {
    what: 'the first rows',
    deadlineMs: WAIT_MS,
  });
  await emulator.onModuleDestroy();
  started.length = 0;
  const ids = (await rows()).map((each) => String(each.event_id)).filter((id) => id.startsWith('drain-'));
  expect(new Set(ids).size).toBe(count);
});
