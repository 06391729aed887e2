import { type TopicSpec } from '@orderstream/contracts';
import {
  ack,
  ensureTopics,
  fetchRawBatch,
  fetchUnreadableBatch,
  isStorable,
  PartitionTransactions,
  readPartition,
  RecordProducer,
  type RecordBatch,
  type TopicMismatchError,
} from '../src';
// After the library, which patches kafkajs.
import { type Admin, CompressionTypes, type Kafka } from 'kafkajs';
import { waitUntil } from '@orderstream/deadlines';
import { output, TestTopics, testKafka, unique } from './broker';
import { type Running, Servers } from './serve';

const WAIT_MS = 20_000;

const specOf = (name: string, partitions: number): TopicSpec => ({
  name,
  partitions,
  cleanup: 'delete',
  maxMessageBytes: 1_048_576,
  timestamps: 'CreateTime',
});

describe('topics and batches that are not as they should be', () => {
  let kafka: Kafka;
  let admin: Admin;
  let topics: TestTopics;
  let producer: RecordProducer;
  const servers = new Servers();
  const states = ({ server }: Running, topic: string): string[] =>
    server.describe().partitions.flatMap((partition) => (partition.topic === topic ? [partition.state] : []));
  const eventually = (what: string, condition: () => boolean): Promise<unknown> =>
    waitUntil(condition, { what, deadlineMs: WAIT_MS });

  beforeAll(async () => {
    kafka = testKafka();
    topics = new TestTopics(kafka);
    admin = kafka.admin();
    await admin.connect();
    producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
  });
  afterEach(() => servers.closeAll());
  afterAll(async () => {
    await producer.disconnect();
    await admin.disconnect();
    await topics.remove();
  });

  const recreate = async (topic: string, numPartitions: number): Promise<void> => {
    await admin.deleteTopics({ topics: [topic] });
    await waitUntil(async () => !(await admin.listTopics()).includes(topic), {
      what: 'the topic to be deleted',
      deadlineMs: WAIT_MS,
    });
    await ensureTopics(kafka, [specOf(topic, numPartitions)], { replication: 1 });
  };

  it('finds another topic id when a partition of a re-created topic opens', async () => {
    const topic = await topics.create('reopened', 1);
    const other = await topics.create('other', 1);
    const groupId = unique('group');
    const idOf = async (name: string): Promise<string | undefined> => {
      const opened = await PartitionTransactions.open(kafka, {
        groupId,
        topic: name,
        partition: 0,
        transactionTimeoutMs: 10_000,
      });
      await opened.close();
      return opened.committed.topicId;
    };
    const id = await idOf(topic);
    expect(id).toMatch(/^[\w-]{22}$/);
    expect(await idOf(topic)).toBe(id);
    expect(await idOf(other)).not.toBe(id);
    await recreate(topic, 1);
    const next = await idOf(topic);
    expect(next).toMatch(/^[\w-]{22}$/);
    expect(next).not.toBe(id);
  });

  it('stops the partitions of a topic that is re-created while they are read, until they are resumed', async () => {
    const topic = await topics.create('recreated', 2);
    const steady = await topics.create('steady', 1);
    const taken = new Map<string, number>();
    const changes: string[] = [];
    const one = await servers.start(
      [topic, steady],
      unique('group'),
      (batch) => {
        taken.set(batch.topic, (taken.get(batch.topic) ?? 0) + batch.records.length);
        return ack();
      },
      { metadataIntervalMs: 300, onTopicChanged: (name, { message }) => changes.push(`${name}: ${message}`) },
    );
    // Their offset is 0, which the log of the new topic has, too: no fetch fails.
    await eventually('the partitions to run', () => states(one, topic).join() === 'running,running');
    await recreate(topic, 2);
    await eventually('the topic to be stopped', () => states(one, topic).join() === 'stopped,stopped');
    expect(changes).toHaveLength(1);
    expect(one.server.describe().partitions[0]?.error).toContain(`${topic} was re-created: its topic id was `);
    expect(one.server.health().ready).toMatchObject({ ok: false });
    await producer.send([output(steady, 0, 'a'), output(topic, 0, 'b')]);
    await eventually('the other topic to be read', () => taken.get(steady) === 1);
    expect(states(one, steady)).toEqual(['running']);
    expect(taken.get(topic)).toBeUndefined();
    one.server.resume();
    await eventually('the resumed topic to be read', () => taken.get(topic) === 1);
  });

  it('stops the partitions of a topic that gets more of them, also after a restart, and reads the others', async () => {
    const grown = await topics.create('grown', 2);
    const steady = await topics.create('steady', 2);
    const groupId = unique('group');
    let taken = 0;
    const handle = (batch: RecordBatch) => {
      if (batch.topic === steady) taken += batch.records.length;
      return ack();
    };
    const options = { metadataIntervalMs: 300, partitions: () => 2 };
    const first = await servers.start([grown, steady], groupId, handle, options);
    await eventually('all partitions to run', () => first.server.health().ready.ok);
    await admin.createPartitions({ topicPartitions: [{ topic: grown, count: 3 }] });
    await eventually('the topic to be stopped', () => states(first, grown).join() === 'stopped,stopped');
    expect(first.server.describe().partitions[0]?.error).toContain(`${grown} has 3 partitions, not 2.`);
    await servers.running.pop()?.close();

    const specs = [grown, steady].map((name) => specOf(name, 2));
    const mismatches: TopicMismatchError[] = [];
    await ensureTopics(kafka, specs, { replication: 1, onMismatch: (mismatch) => mismatches.push(mismatch) });
    expect(mismatches.map(({ topic }) => topic)).toEqual([grown]);
    const second = await servers.start([grown, steady], groupId, handle, options);
    await producer.send([output(steady, 0, 'a'), output(steady, 1, 'b')]);
    await eventually('the other topic to be read', () => taken === 2);
    await eventually('the topic to be stopped', () => states(second, grown).join() === 'stopped,stopped,stopped');
    expect(states(second, steady)).toEqual(['running', 'running']);
  });

  const sendZstd = async (topic: string, values: readonly Buffer[]): Promise<void> => {
    const client = kafka.producer();
    await client.connect();
    const messages = values.map((value) => ({ partition: 0, value }));
    await client.send({ topic, compression: CompressionTypes.ZSTD, messages });
    await client.disconnect();
  };

  it('reads a batch of 60 MB that was compressed to a few kB, record by record', async () => {
    const topic = await topics.create('large-batch', 1);
    await sendZstd(topic, Array<Buffer>(120).fill(Buffer.alloc(500_000, 'a')));
    await producer.send([output(topic, 0, 'behind')]);
    const lengths: number[] = [];
    let largestQueue = 0;
    const { server } = await servers.start(
      topic,
      unique('group'),
      ({ records }) => {
        lengths.push(...records.map(({ value }) => value?.length ?? 0));
        largestQueue = Math.max(largestQueue, server.describe().partitions[0]?.queuedBytes ?? 0);
        return ack();
      },
      { maxBatchRecords: 10 },
    );
    // Each of its pieces decompresses the batch from its beginning.
    await waitUntil(() => lengths.length === 121, { what: 'all records to be read', deadlineMs: 50_000 });
    expect(lengths).toEqual([...Array<number>(120).fill(500_000), 6]);
    // The bound of the queue, and one piece beyond it.
    expect(largestQueue).toBeLessThan(34 * 1_048_576);
  });

  it('stops at a batch that cannot be decoded, with the way past it, and reads on behind it', async () => {
    const topic = await topics.create('undecodable', 1);
    await producer.send([output(topic, 0, 'before')]);
    await sendZstd(topic, [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)]);
    await producer.send([output(topic, 0, 'behind')]);
    let openAt = 0;
    const values: string[] = [];
    const { server } = await servers.start(
      topic,
      unique('group'),
      ({ records }) => {
        values.push(...records.map(({ value }) => String(value)));
        return ack();
      },
      {
        leadsOn: (ref) => `leads on: ${ref.topic}/${ref.partition.toString()}`,
        hooks: { open: () => Promise.resolve(openAt), drain: () => Promise.resolve(), close: () => Promise.resolve() },
      },
    );
    await eventually('the partition to be stopped', () => server.describe().partitions[0]?.state === 'stopped');
    const { error, nextOffset } = server.describe().partitions[0] ?? {};
    expect(error).toContain(`${topic}/0@1 (offsets 1 to 2, 2 records, `);
    expect(error).toMatch(new RegExp(`the log segment on the broker\\. leads on: ${topic}/0$`));
    const place = { topic, partition: 0 };
    const batch = await fetchUnreadableBatch(kafka, place, nextOffset ?? -1);
    expect(batch).toMatchObject({ firstOffset: 1, unread: 2 });
    expect(await fetchUnreadableBatch(kafka, place, 2)).toMatchObject({ baseOffset: 1, firstOffset: 2, unread: 1 });
    await expect(fetchUnreadableBatch(kafka, place, 0)).rejects.toThrow(`The record at ${topic}/0@0 can be read`);
    await expect(fetchUnreadableBatch(kafka, place, 3)).rejects.toThrow(`The record at ${topic}/0@3 can be read`);
    await expect(fetchUnreadableBatch(kafka, place, 4)).rejects.toThrow('there is nothing to skip');
    const passed: number[] = [];
    const read: string[] = [];
    await readPartition(
      kafka,
      { ...place, from: 0, until: 'end', onUnreadable: ({ records }) => void passed.push(records) },
      ({ records }) => void read.push(...records.map(({ value }) => String(value))),
    );
    expect([read, passed]).toEqual([['before', 'behind'], [2]]);
    expect(batch).toMatchObject({ baseOffset: 1, lastOffset: 2, nextOffset: 3, records: 2, codec: 4, isIntact: true });
    expect(isStorable({ topic, partition: 0, key: null, value: batch.bytes, headers: {} }, 100_000)).toBe(true);
    expect(await fetchRawBatch(kafka, { topic, partition: 0 }, 2)).toMatchObject({ baseOffset: 1 });
    await expect(fetchRawBatch(kafka, { topic, partition: 0 }, 99)).rejects.toMatchObject({
      code: 'OFFSET_OUT_OF_RANGE',
    });
    openAt = batch.nextOffset;
    server.resume();
    await eventually('the record behind the batch to be read', () => values.includes('behind'));
    expect(values).toEqual(['before', 'behind']);
  });

  it('uses no other cluster than KAFKA_CLUSTER_ID', async () => {
    const topic = await topics.create('cluster', 1);
    const { clusterId } = await admin.describeCluster();
    const spec = specOf(topic, 1);
    await ensureTopics(testKafka({ clusterId }), [spec], { replication: 1 });
    const foreign = testKafka({ clusterId: 'another-cluster' });
    await expect(ensureTopics(foreign, [spec], { replication: 1 })).rejects.toMatchObject({
      code: 'CLUSTER_MISMATCH',
      message: expect.stringContaining(`belong to the cluster ${clusterId}, not to another-cluster`) as string,
    });
    const options = { groupId: unique('group'), topic, partition: 0, transactionTimeoutMs: 10_000 };
    await expect(PartitionTransactions.open(foreign, options)).rejects.toMatchObject({ code: 'CLUSTER_MISMATCH' });
    const lost = new RecordProducer(foreign, { maxRequestBytes: 1_000 });
    await expect(lost.send([output(topic, 0, 'x')])).rejects.toThrow('another-cluster');
    await lost.disconnect();
    const { server } = await servers.start(topic, unique('group'), () => ack(), { kafka: foreign });
    await eventually('the server to say so', () => JSON.stringify(server.health().ready).includes('another-cluster'));
    expect(server.describe().partitions).toEqual([]);
    const own = await PartitionTransactions.open(testKafka({ clusterId }), options);
    await own.close();
  });
});
