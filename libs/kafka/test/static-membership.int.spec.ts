import { ack, type KafkaBatchServerOptions, RecordProducer, stop } from '../src';
import { outputs, TestTopics, testKafka, unique } from './broker';
import { type Handle, type Running, Servers } from './serve';
import { Store } from './stores';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

describe('static membership of KafkaBatchServer', () => {
  let topics: TestTopics;
  let producer: RecordProducer;
  const servers = new Servers();
  const fill = (...args: Parameters<typeof outputs>): Promise<unknown> => producer.send(outputs(...args));

  beforeAll(async () => {
    const kafka = testKafka();
    topics = new TestTopics(kafka);
    producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
    await producer.connect();
  });
  afterEach(() => servers.closeAll());
  afterAll(async () => {
    await producer.disconnect();
    await topics.remove();
  });

  it('gives a static member the partitions of the previous process with its id, which is fenced, within its session', async () => {
    const topic = await topics.create('named', 3);
    const group = unique('group');
    const instance = (name: string): Partial<KafkaBatchServerOptions> => ({
      kafka: testKafka({ groupInstanceId: name }),
      sessionTimeoutMs: 60_000,
      rebalanceTimeoutMs: 60_000,
    });
    const owned = ({ server }: Running): number[] => server.describe().partitions.map(({ partition }) => partition);
    const takeNothing: Handle = () => ack();
    const first = await servers.start(topic, group, takeNothing, instance('a'));
    const other = await servers.start(topic, group, takeNothing, instance('b'));
    await waitUntil(() => owned(first).length > 0 && owned(other).length > 0, {
      what: 'each member to own partitions',
      deadlineMs: WAIT_MS,
    });
    const ownedByFirst = owned(first);
    const ownedByOther = owned(other);
    const second = await servers.start(topic, group, takeNothing, instance('a'));
    await waitUntil(() => second.server.health().ready.ok, {
      what: 'the second process to be ready',
      deadlineMs: WAIT_MS,
    });
    expect(owned(second)).toEqual(ownedByFirst);
    expect(owned(other)).toEqual(ownedByOther);
    await waitUntil(() => owned(first).length === 0, {
      what: 'the first process to lose its partitions',
      deadlineMs: WAIT_MS,
    });
    expect(first.server.health()).toMatchObject({ live: { ok: true }, ready: { ok: false } });
    const [partition = -1] = ownedByFirst;
    await expect(first.server.commitOffsets([{ topic, partition, offset: 0 }])).rejects.toThrow();
    await second.server.commitOffsets([{ topic, partition, offset: 0 }]);
    await first.close();
    expect(second.server.health().ready.ok).toBe(true);
  });

  it('joins again when a process with its group.instance.id has fenced it and ended', async () => {
    const topic = await topics.create('named-again', 2);
    const group = unique('group');
    await fill(topic, 2, 10);
    const store = new Store();
    const named = { kafka: testKafka({ groupInstanceId: 'a' }), sessionTimeoutMs: 6_000 };
    const take: Handle = (batch) => {
      store.take(batch);
      return ack();
    };
    const owner = await servers.start(topic, group, take, { ...named, hooks: store });
    await waitUntil(() => owner.server.health().ready.ok, { what: 'the owner to be ready', deadlineMs: WAIT_MS });
    const other = await servers.start(topic, group, () => stop(new Error('not this one')), named);
    await waitUntil(() => owner.server.describe().partitions.length === 0, {
      what: 'the owner to be fenced',
      deadlineMs: WAIT_MS,
    });
    await other.close();
    await waitUntil(() => owner.server.health().ready.ok, { what: 'the owner to be ready again', deadlineMs: WAIT_MS });
    await fill(topic, 2, 10, 10);
    await waitUntil(() => [0, 1].every((partition) => store.values(partition).length === 20), {
      what: 'the new records to be taken',
      deadlineMs: WAIT_MS,
    });
  }, 60_000);

  it('fails in one of two processes with the same group.instance.id, and goes on in the other', async () => {
    const topic = await topics.create('contested', 2);
    const group = unique('group');
    const named = { kafka: testKafka({ groupInstanceId: 'a' }), sessionTimeoutMs: 6_000 };
    const first = await servers.start(topic, group, () => ack(), named);
    await waitUntil(() => first.server.health().ready.ok, {
      what: 'the first process to be ready',
      deadlineMs: WAIT_MS,
    });
    const second = await servers.start(topic, group, () => ack(), named);
    await waitUntil(() => !first.server.health().live.ok, { what: 'the first process to fail', deadlineMs: 60_000 });
    expect(first.server.describe()).toMatchObject({ state: 'failed', partitions: [] });
    await waitUntil(() => second.server.health().ready.ok, {
      what: 'the second process to be ready',
      deadlineMs: WAIT_MS,
    });
    expect(second.server.describe()).toMatchObject({ state: 'joined' });
  }, 90_000);

  it('causes no rebalance when a static member restarts, and one when it does not come back', async () => {
    const topic = await topics.create('named-restart', 3);
    const group = unique('group');
    await fill(topic, 3, 10);
    const stores = { a: new Store(), b: new Store() };
    const startAs = (name: 'a' | 'b'): Promise<Running> => {
      const kafka = testKafka({ groupInstanceId: name });
      const take: Handle = (batch) => {
        stores[name].take(batch);
        return ack();
      };
      // Long enough for a restart on a busy machine.
      return servers.start(topic, group, take, { kafka, hooks: stores[name], sessionTimeoutMs: 20_000 });
    };
    const owned = ({ server }: Running): number[] => server.describe().partitions.map(({ partition }) => partition);
    const first = await startAs('a');
    const other = await startAs('b');
    await waitUntil(() => owned(first).length > 0 && owned(other).length > 0, {
      what: 'each member to own partitions',
      deadlineMs: WAIT_MS,
    });
    const [ownedByFirst, ownedByOther] = [owned(first), owned(other)];
    await waitUntil(() => first.server.health().ready.ok && other.server.health().ready.ok, {
      what: 'both members to be ready',
      deadlineMs: WAIT_MS,
    });
    const openings = stores.b.openings;

    await first.close();
    await fill(topic, 3, 10, 10);
    const second = await startAs('a');
    await waitUntil(() => ownedByFirst.every((partition) => stores.a.values(partition).length === 20), {
      what: 'the second process to take the new records',
      deadlineMs: WAIT_MS,
    });
    expect([owned(second), owned(other)]).toEqual([ownedByFirst, ownedByOther]);
    expect(stores.b.openings).toBe(openings);

    // This time nothing replaces it: its session ends.
    await second.close();
    await waitUntil(() => owned(other).length === 3, {
      what: 'the other member to own all partitions',
      deadlineMs: 40_000,
    });
  }, 120_000);
});
