import { type Kafka } from 'kafkajs';
import {
  ack,
  fetchCommittedOffsets,
  type KafkaBatchServer,
  type PartitionHooks,
  RecordProducer,
  retry,
  stop,
} from '../src';
import { outputs, TestTopics, testKafka, unique } from './broker';
import { type Handle, serve, Servers } from './serve';
import { Store } from './stores';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

describe('KafkaBatchServer', () => {
  let kafka: Kafka;
  let topics: TestTopics;
  let producer: RecordProducer;
  const servers = new Servers();

  const fill = (...args: Parameters<typeof outputs>): Promise<unknown> => producer.send(outputs(...args));

  beforeAll(async () => {
    kafka = testKafka();
    topics = new TestTopics(kafka);
    producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
    await producer.connect();
  });
  afterEach(() => servers.closeAll());
  afterAll(async () => {
    await producer.disconnect();
    await topics.remove();
  });

  it('shows how many records wait behind an open transaction, and for how long, also while it is paused', async () => {
    const topic = await topics.create('open-transaction', 1);
    let taken = 0;
    const { server } = await servers.start(topic, unique('group'), (batch) => {
      taken += batch.records.length;
      return ack();
    });
    const client = testKafka().producer({ transactionalId: unique('hangs'), retry: { initialRetryTime: 8 } });
    await client.connect();
    const transaction = await client.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, value: 'open' }] });
    await fill(topic, 1, 20);
    const status = () => server.describe().partitions[0];
    await waitUntil(() => (status()?.openTransactionMs ?? 0) > 500, {
      what: 'the open transaction to be seen',
      deadlineMs: WAIT_MS,
    });
    expect([taken, status()?.lag]).toEqual([0, 21]);
    expect(status()?.lagMs).toBeGreaterThan(500);
    server.pause();
    await fill(topic, 1, 5);
    await waitUntil(() => status()?.lag === 26, { what: 'the lag of the paused partition', deadlineMs: WAIT_MS });
    await transaction.commit();
    await client.disconnect();
    server.resume();
    await waitUntil(() => taken === 26 && status()?.lag === 0 && status()?.openTransactionMs === 0, {
      what: 'the records behind the transaction to be read',
      deadlineMs: WAIT_MS,
    });
  });

  it('hands over each record once and in order, also when the handler rejects batches or takes half of them', async () => {
    const topic = await topics.create('retry', 3);
    await fill(topic, 3, 3_000);
    const store = new Store();
    let calls = 0;
    const { server } = await servers.start(
      topic,
      unique('group'),
      (batch) => {
        // Every fifth call is rejected; every seventh after half of the records were taken.
        if (++calls % 5 === 0) return retry(5, new Error('not now'));
        if (calls % 7 === 0) {
          store.take({ ...batch, records: batch.records.slice(0, batch.records.length >> 1) });
          return retry(5, new Error('half of it'));
        }
        store.take(batch);
        return ack();
      },
      { hooks: store, maxBatchRecords: 100, maxQueuedRecords: 500 },
    );
    await waitUntil(() => store.count() === 9_000, { what: 'all records to be taken', deadlineMs: WAIT_MS });
    for (const p of [0, 1, 2]) expect(store.values(p)).toEqual(Array.from({ length: 3_000 }, (_, i) => i.toString()));
    await waitUntil(() => server.describe().partitions.every(({ lag, lagMs }) => lag === 0 && lagMs === 0), {
      what: 'the lag to be 0',
      deadlineMs: WAIT_MS,
    });
    expect(server.health()).toMatchObject({ live: { ok: true }, ready: { ok: true } });
  });

  it('queues a partition whose handler hangs up to its bounds, while another partition goes on', async () => {
    const startedAt = Date.now();
    const topic = await topics.create('slow', 2);
    await fill(topic, 2, 20_000, 0, ' '.repeat(500));
    const store = new Store();
    let release: (() => void) | undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const { server } = await servers.start(
      topic,
      unique('group'),
      async (batch) => {
        if (batch.partition === 0) await held;
        store.take(batch);
        return ack();
      },
      { hooks: store, maxBatchRecords: 500, maxQueuedRecords: 3_000, handlerTimeoutMs: 300, sessionTimeoutMs: 6_000 },
    );
    await waitUntil(() => store.count(1) === 20_000, {
      what: 'the other partition to be read to its end',
      deadlineMs: WAIT_MS,
    });
    const stuck = server.describe().partitions[0];
    expect(store.count(0)).toBe(0);
    // One response of 1 MiB can exceed the bound.
    expect(stuck?.queuedRecords).toBeLessThan(3_000 + 2_500);
    expect(stuck?.lag).toBe(20_000);
    expect(stuck?.lagMs).toBeGreaterThan(0);
    expect(stuck?.lagMs).toBeLessThan(Date.now() - startedAt);
    await waitUntil(() => !server.health().live.ok, { what: 'liveness to fail', deadlineMs: WAIT_MS });
    expect(server.describe().state).toBe('joined');
    release?.();
    await waitUntil(() => store.count(0) === 20_000, { what: 'all records to be taken', deadlineMs: WAIT_MS });
    expect(server.health().live.ok).toBe(true);
  });

  it('stops the partition whose handler throws until it is resumed, while another partition goes on', async () => {
    const topic = await topics.create('throws', 2);
    await fill(topic, 2, 10);
    const taken = [0, 0];
    let broken = true;
    const { server } = await servers.start(topic, unique('group'), (batch) => {
      if (batch.partition === 1 && broken) throw new TypeError('a defect');
      if (batch.partition === 0 && batch.records.length === 0) return stop(new Error('unexpected'));
      taken[batch.partition] = (taken[batch.partition] ?? 0) + batch.records.length;
      return ack();
    });
    await waitUntil(
      () => {
        const [first, second] = server.describe().partitions;
        return taken[0] === 10 && first?.state === 'running' && second?.state === 'stopped';
      },
      { what: 'one partition to be read, and the other to be stopped', deadlineMs: WAIT_MS },
    );
    expect(server.describe().partitions[1]).toMatchObject({ error: 'a defect', nextOffset: 0, lag: 10 });
    expect(server.describe().partitions[1]?.lagMs).toBeGreaterThan(0);
    expect(server.health()).toMatchObject({ live: { ok: true }, ready: { ok: false } });
    broken = false;
    server.resume();
    await waitUntil(() => taken[1] === 10, { what: 'the resumed partition to be read', deadlineMs: WAIT_MS });
  });

  it('hands over each record once, and no partition to two instances, when instances join and leave', async () => {
    const topic = await topics.create('rebalance', 6);
    const group = unique('group');
    const log = new SharedLog();
    // A long session, so that a slow instance does not lose its partitions.
    const options = { maxBatchRecords: 50, sessionTimeoutMs: 20_000 };
    const first = await servers.start(topic, group, log.handler(), { ...options, hooks: log.hooks('a') });
    await fill(topic, 6, 500);
    await waitUntil(() => first.server.describe().partitions.length === 6, {
      what: 'the first instance to own all partitions',
      deadlineMs: WAIT_MS,
    });
    const second = await servers.start(topic, group, log.handler(), { ...options, hooks: log.hooks('b') });
    await fill(topic, 6, 500, 500);
    await waitUntil(
      () => second.server.describe().partitions.length === 3 && first.server.describe().partitions.length === 3,
      { what: 'each instance to own three partitions', deadlineMs: WAIT_MS },
    );
    await fill(topic, 6, 500, 1_000);
    await servers.running.shift()?.close();
    await waitUntil(() => second.server.describe().partitions.length === 6, {
      what: 'the second instance to own all partitions',
      deadlineMs: WAIT_MS,
    });
    await fill(topic, 6, 500, 1_500);
    await waitUntil(() => log.count() === 12_000, { what: 'all records to be taken', deadlineMs: WAIT_MS });
    for (let p = 0; p < 6; p++) expect(log.values(p)).toEqual(Array.from({ length: 2_000 }, (_, i) => i.toString()));
    expect(log.overlaps).toBe(0);
  });

  it('drains before it leaves the group, and can commit in the drain', async () => {
    const topic = await topics.create('drain', 1);
    const group = unique('group');
    await fill(topic, 1, 100);
    const open: KafkaBatchServer[] = [];
    let taken = 0;
    const hooks: PartitionHooks = {
      open: () => Promise.resolve(undefined),
      drain: async (p, signal) => {
        expect(signal.aborted).toBe(false);
        await open[0]?.commitOffsets([{ ...p, offset: taken }]);
      },
      close: () => Promise.resolve(),
    };
    const started = await servers.start(
      topic,
      group,
      (batch) => {
        taken = batch.nextOffset;
        return ack();
      },
      { hooks },
    );
    open.push(started.server);
    await waitUntil(() => taken === 100, { what: 'all records to be taken', deadlineMs: WAIT_MS });
    await servers.running.pop()?.close();
    await started.close();
    expect(await fetchCommittedOffsets(kafka, group, topic)).toEqual([100]);
    const admin = kafka.admin();
    await admin.connect();
    const { groups } = await admin.describeGroups([group]);
    await admin.disconnect();
    expect(groups[0]?.members).toEqual([]);
  });

  it('closes after its partitions have drained, also when a rebalance has begun the drain', async () => {
    const topic = await topics.create('drain-twice', 2);
    const group = unique('group');
    const draining: number[] = [];
    let drained = 0;
    const hooks: PartitionHooks = {
      open: () => Promise.resolve(undefined),
      drain: async ({ partition }) => {
        draining.push(partition);
        await new Promise((resolve) => setTimeout(resolve, 3_500));
        drained++;
      },
      close: () => Promise.resolve(),
    };
    const first = await servers.start(topic, group, () => ack(), { hooks });
    await waitUntil(() => first.server.health().ready.ok, {
      what: 'the first instance to be ready',
      deadlineMs: WAIT_MS,
    });
    await servers.start(topic, group, () => ack());
    await waitUntil(() => draining.length === 2, { what: 'the rebalance to begin the drain', deadlineMs: WAIT_MS });
    await first.server.close();
    expect(drained).toBe(2);
  });

  it('does not start when a topic has no handler', async () => {
    const expected = [unique('a'), unique('b')];
    await expect(serve(expected[0] ?? '', unique('group'), () => ack(), { topics: expected })).rejects.toMatchObject({
      code: 'HANDLER_MISMATCH',
    });
  });
});

/** A store that several instances share. It counts the openings of a partition that another instance has open. */
class SharedLog extends Store {
  overlaps = 0;
  private readonly owners = new Map<number, string>();

  hooks(owner: string): PartitionHooks {
    return {
      open: async (p) => {
        if (this.owners.has(p.partition)) this.overlaps++;
        this.owners.set(p.partition, owner);
        return this.open(p);
      },
      drain: () => Promise.resolve(),
      close: (p) => {
        this.owners.delete(p.partition);
        return Promise.resolve();
      },
    };
  }
  handler(): Handle {
    return (batch) => {
      this.take(batch);
      return ack();
    };
  }
}
