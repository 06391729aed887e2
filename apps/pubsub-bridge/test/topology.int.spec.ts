import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { type Message, SchemaTypes } from '@google-cloud/pubsub';
import { createBigQuery, ensureDataset, ensureTables } from '@orderstream/bigquery';
import { TABLES } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, fetchEndOffsets, type OutputRecord, RecordProducer } from '@orderstream/kafka';
import { connectPubSub } from '@orderstream/pubsub';

import { RejectingProxy } from './rejecting-proxy';
import { bridgeSettings, bridgeSource, type BridgeStatus, RunningBridge } from './running-bridge';

const WAIT_MS = 30_000;
jest.setTimeout(60_000);

const emulatorHost = process.env.TEST_PUBSUB_EMULATOR_HOST ?? '';
const name = `topology-${randomUUID().slice(0, 8)}`;
const schemaId = `schema-${name}`;
const settings = bridgeSettings(name, emulatorHost);
const kafka = createKafka(settings.kafka);
const pubsub = connectPubSub(settings.pubsub);

const order = (topic: string, id: string, partition: number): OutputRecord => ({
  topic,
  partition,
  key: Buffer.from(id),
  value: Buffer.from(JSON.stringify({ event_id: id, event_type: 'order.placed' })),
  headers: { ce_id: id },
});
const until = (what: string, met: () => boolean | Promise<boolean>): Promise<unknown> =>
  waitUntil(met, { what, deadlineMs: WAIT_MS });

afterAll(() => pubsub.close());

/** A producer of its own for each call: a topic of an earlier test is deleted. */
async function send(records: readonly OutputRecord[]): Promise<void> {
  const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
  await producer.connect();
  await producer.send(records);
  await producer.disconnect();
}

describe('a subscription that is deleted while the bridge runs', () => {
  const bridge = new RunningBridge(settings, bridgeSource(name));
  const topic = bridge.source.validated.name;
  const received = new Set<string>();
  const receive = (): void => {
    const subscription = pubsub.subscription(settings.pubsub.subscription);
    subscription.on('error', () => undefined);
    subscription.on('message', (message: Message) => {
      received.add((JSON.parse(message.data.toString()) as { event_id: string }).event_id);
      message.ack();
    });
  };
  const ready = () => bridge.health.readiness();

  beforeAll(() => bridge.start());
  afterAll(async () => {
    await pubsub.subscription(settings.pubsub.subscription).close();
    await bridge.stop();
    await bridge.delete();
  });

  it('is noticed and put back, and what was published meanwhile is reported and arrives after a rewind', async () => {
    const before = Array.from({ length: 12 }, (_, i) => order(topic, `before-${String(i)}`, i % 6));
    await send(before);
    receive();
    await until('the orders before', () => received.size === before.length);
    await until('the bridge to be ready', () => ready().ok);

    await pubsub.subscription(settings.pubsub.subscription).close();
    await pubsub.subscription(settings.pubsub.subscription).delete();
    const lost = Array.from({ length: 12 }, (_, i) => order(topic, `lost-${String(i)}`, i % 6));
    await send(lost);
    await until('a red readiness', () => !ready().ok);
    expect(ready().checks.subscription?.detail).toMatch(
      `${settings.pubsub.subscription} did not exist, and is put back`,
    );
    await until('the gap', () => bridge.status.subscription.gaps.length > 0);
    await until('the bridge to be ready again', () => ready().ok);

    const [gap, ...others] = bridge.status.subscription.gaps;
    expect(others).toEqual([]);
    const ends = await fetchEndOffsets(kafka, topic);
    for (const { partition, fromOffset, toOffset } of gap?.partitions ?? []) {
      // 2 orders before and 2 lost ones in each partition.
      expect(fromOffset).toBeLessThanOrEqual(2);
      expect(toOffset).toBe(ends[partition]);
    }
    expect(gap?.partitions).toHaveLength(6);
    expect(bridge.lines.find(({ msg }) => String(msg).includes('POST /admin/rewind'))).toMatchObject({
      from: gap?.from,
    });
    expect(await bridge.metrics.registry.metrics()).toMatch(
      /^orderstream_subscription_gaps_total\{app="pubsub-bridge"\} 1$/m,
    );

    receive();
    for (const { partition, fromOffset } of gap?.partitions ?? []) await bridge.service.rewind(partition, fromOffset);
    await until('the lost orders', () => received.size === before.length + lost.length);
    await expect(bridge.service.rewind(0, 1_000)).rejects.toThrow('can be rewound to an offset from 0');
    await expect(bridge.service.rewind(99, 0)).rejects.toThrow('is not assigned to this instance');
  });
});

describe('the gap of a deleted subscription', () => {
  const of = `${name}-g`;
  const source = bridgeSource(of);
  const topic = source.validated.name;
  const start = async (): Promise<RunningBridge> => {
    const bridge = new RunningBridge(bridgeSettings(of, emulatorHost), source);
    await bridge.start();
    return bridge;
  };
  const PARTITIONS = [0, 1, 2, 3, 4, 5];
  /** The gaps of each partition. Those of one deletion are found by two checks if a partition opens during the first. */
  const ranges = (bridge: RunningBridge) =>
    PARTITIONS.map((partition) =>
      bridge.status.subscription.gaps.flatMap(({ to, partitions }) =>
        partitions.filter((one) => one.partition === partition).map((one) => ({ to, ...one })),
      ),
    );
  const haveGaps = (bridge: RunningBridge, count: number): boolean =>
    ranges(bridge).every((gaps) => gaps.length === count);
  const idle = async (bridge: RunningBridge, published: number): Promise<void> => {
    await until('the orders to be published', () => bridge.status.published === published);
    await until('their acknowledgement', () => bridge.status.unacknowledged === 0);
  };
  let bridge: RunningBridge;

  afterAll(async () => {
    await bridge.stop();
    await bridge.delete();
  });

  it('survives restarts of the bridge, which find a deletion while none ran, until a rewind or a dismissal', async () => {
    bridge = await start();
    const subscription = pubsub.subscription(bridge.settings.pubsub.subscription);
    await send(Array.from({ length: 12 }, (_, i) => order(topic, `a${String(i)}`, i % 6)));
    await idle(bridge, 12);
    await subscription.delete();
    await until('the gap', () => haveGaps(bridge, 1));
    await until('the bridge to be ready again', () => bridge.health.readiness().ok);
    const before = ranges(bridge).map(([gap]) => gap);
    await bridge.stop();
    await subscription.delete();

    bridge = await start();
    await until('both gaps', () => haveGaps(bridge, 2));
    expect(ranges(bridge).map(([gap]) => gap)).toEqual(before);
    // Nothing was published since the last check, and what had waited in the subscription is lost.
    for (const [, gap] of ranges(bridge)) expect(gap).toMatchObject({ fromOffset: 2, toOffset: 2 });

    const [first] = before;
    await bridge.service.rewind(first?.rewind.partition ?? -1, first?.rewind.offset ?? -1);
    for (const partition of [1, 2, 3, 4]) await bridge.service.dismissGaps(partition);
    const left = (gaps: BridgeStatus['subscription']['gaps']) =>
      gaps.flatMap(({ partitions }) => partitions.map(({ partition }) => partition));
    await until('the gaps of one partition to be left', () => left(bridge.status.subscription.gaps).join() === '5,5');
    await bridge.stop();
    bridge = await start();
    await until('the partitions to open', () => left(bridge.status.subscription.gaps).join() === '5,5');
  });
});

describe('the query of docs/pubsub-bridge.md', () => {
  const bigquery = createBigQuery(settings.bigquery);
  const dataset = `query_${name.replaceAll('-', '_')}`;
  const TOPIC = 'marketplace.orders.validated.v1';
  afterAll(() => bigquery.dataset(dataset).delete({ force: true }));

  it('finds the first order of each partition that is not in streaming_orders', async () => {
    const text = readFileSync(join(__dirname, '../../../docs/pubsub-bridge.md'), 'utf8');
    const query = /```sql\n([^`]*(?:`\w+`[^`]*)*)```/.exec(text)?.[1] ?? '';
    expect(query).toContain(TOPIC);
    const { order_events: events, streaming_orders: delivered } = TABLES;
    if (events === undefined || delivered === undefined) throw new Error('no contract defines the tables');
    await ensureTables(await ensureDataset(bigquery, dataset, settings.bigquery.location), [events, delivered]);
    const now = new Date().toISOString();
    const row = (partition: number, offset: number) => ({
      event_id: `${String(partition)}-${String(offset)}`,
      event_type: 'order.placed',
      occurred_at: now,
      order_id: 'o',
    });
    // Offsets are not contiguous: transaction markers take some.
    const all = [0, 1, 2].flatMap((partition) => [4, 5, 7, 8, 12].map((offset) => [partition, offset] as const));
    const missing = new Set(['1/7', '1/12', '2/4']);
    const required = Object.fromEntries(
      events.columns
        .filter(({ mode }) => mode === 'REQUIRED')
        .map(({ name: column, type }) => [
          column,
          { TIMESTAMP: now, INT64: 1, NUMERIC: '1', BOOL: true }[type as string] ?? 'x',
        ]),
    );
    await bigquery
      .dataset(dataset)
      .table('order_events')
      .insert(
        all.map(([partition, offset]) => ({
          ...required,
          ...row(partition, offset),
          _kafka_topic: TOPIC,
          _kafka_partition: partition,
          _kafka_offset: offset,
          _kafka_timestamp: now,
        })),
      );
    const arrived = all.filter(([partition, offset]) => !missing.has(`${String(partition)}/${String(offset)}`));
    // One of them twice: delivery is at least once.
    await bigquery
      .dataset(dataset)
      .table('streaming_orders')
      .insert(
        [...arrived, [0, 4] as const].map(([partition, offset]) => ({
          ...row(partition, offset),
          publish_time: now,
          attributes: JSON.stringify({
            kafka_topic: TOPIC,
            kafka_partition: String(partition),
            kafka_offset: String(offset),
          }),
        })),
      );
    const [rows] = await bigquery.query({ query, defaultDataset: { datasetId: dataset } });
    expect(
      rows.map((found: Record<string, unknown>) => [found.partition, found.offset, found.orders].map(Number)),
    ).toEqual([
      [1, 7, 2],
      [2, 4, 1],
    ]);
  });
});

describe('a topic with a schema', () => {
  const bridge = new RunningBridge(bridgeSettings(`${name}-s`, emulatorHost), bridgeSource(`${name}-s`));
  const topic = bridge.source.validated.name;

  beforeAll(async () => {
    const definition = { type: 'record', name: 'Other', fields: [{ name: 'other', type: 'int' }] };
    await pubsub.createSchema(schemaId, SchemaTypes.Avro, JSON.stringify(definition));
    const schema = `projects/${settings.pubsub.project}/schemas/${schemaId}`;
    await pubsub.createTopic({
      name: `projects/${settings.pubsub.project}/topics/${bridge.settings.pubsub.topic}`,
      schemaSettings: { schema, encoding: 'JSON' },
    });
    await bridge.start();
  });
  afterAll(async () => {
    await bridge.stop();
    await bridge.delete();
    await pubsub.schema(schemaId).delete();
  });

  it('stops every partition with what leads on, and dead-letters nothing', async () => {
    await until('the schema in readiness', () =>
      JSON.stringify(bridge.health.readiness().checks.subscription).includes(schemaId),
    );
    await send(Array.from({ length: 60 }, (_, i) => order(topic, `e${String(i)}`, i % 6)));
    const validated = () => bridge.status.partitions.filter((one) => one.topic === topic);
    await until('all partitions to stop', () => validated().filter(({ state }) => state === 'stopped').length === 6);
    for (const { error } of validated()) {
      expect(error).toMatch(/is not published and not dead-lettered: topic .* has the schema .*POST \/admin\/resume/);
      expect(error).toContain('docs/pubsub-bridge.md#when-a-partition-stops');
    }
    expect(bridge.status.deadLettered).toBe(0);
    expect(await fetchEndOffsets(kafka, bridge.source.deadLetters.name)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('an outage of Pub/Sub', () => {
  it('makes the bridge not ready within 2 s, with nothing to publish', async () => {
    const proxy = await RejectingProxy.start(emulatorHost, 'no message contains this');
    const bridge = new RunningBridge(bridgeSettings(`${name}-d`, proxy.address), bridgeSource(`${name}-d`));
    await bridge.start();
    await until('the bridge to be ready', () => bridge.health.readiness().ok);
    await proxy.close();
    await waitUntil(() => !bridge.health.readiness().ok, {
      what: 'a red readiness',
      deadlineMs: 2_000,
      intervalMs: 50,
    });
    expect(bridge.health.readiness().checks.pubsub?.detail).toMatchObject({
      error: expect.stringContaining('no connection to Pub/Sub') as string,
    });
    await bridge.stop();
    await bridge.delete();
  });
});
