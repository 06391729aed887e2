import { randomUUID } from 'node:crypto';

import { type Message, SchemaTypes } from '@google-cloud/pubsub';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, fetchEndOffsets, type OutputRecord, RecordProducer } from '@orderstream/kafka';
import { connectPubSub } from '@orderstream/pubsub';

import { RejectingProxy } from './rejecting-proxy';
import { bridgeSettings, bridgeSource, RunningBridge } from './running-bridge';

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
    await until(
      'all partitions to stop',
      () => bridge.status.partitions.filter(({ state }) => state === 'stopped').length === 6,
    );
    for (const { error } of bridge.status.partitions) {
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
