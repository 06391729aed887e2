import {
  ensureTopics,
  fetchEndOffsets,
  HighWatermarks,
  PartitionTransactions,
  OffsetOutOfRangeError,
  readPartition,
  RecordProducer,
  TopicFollower,
  TopicMismatchError,
} from '../src';
// After the library, which patches kafkajs.
import { ConfigResourceTypes, type Kafka } from 'kafkajs';
import { output, readAll, TestTopics, testKafka, unique, valueOf } from './broker';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

describe('readers', () => {
  let kafka: Kafka;
  let topics: TestTopics;
  let producer: RecordProducer;

  beforeAll(async () => {
    kafka = testKafka();
    topics = new TestTopics(kafka);
    producer = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
  });
  afterAll(async () => {
    await producer.disconnect();
    await topics.remove();
  });

  /** Writes `values` to the partition in a transaction, and commits or aborts it. Resolves when its marker is written. */
  async function transact(
    topic: string,
    partition: number,
    id: string,
    values: string[],
    commit: boolean,
  ): Promise<void> {
    const client = testKafka().producer({ transactionalId: unique(id), retry: { initialRetryTime: 8, retries: 20 } });
    await client.connect();
    const transaction = await client.transaction();
    await transaction.send({ topic, messages: values.map((value) => ({ partition, value })) });
    await (commit ? transaction.commit() : transaction.abort());
    await client.disconnect();
    // The broker answers before it writes the marker. This reads up to the marker.
    await readAll(kafka, topic, partition);
  }

  it('returns the end offsets of a topic with and without the records of an open transaction', async () => {
    const topic = await topics.create('watermarks', 2);
    await producer.send([output(topic, 0, 'a'), output(topic, 1, 'b'), output(topic, 1, 'c')]);
    const watermarks = new HighWatermarks(kafka, topic);
    const client = testKafka().producer({ transactionalId: unique('open'), retry: { initialRetryTime: 8 } });
    await client.connect();
    const transaction = await client.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, value: 'open' }] });
    expect(await fetchEndOffsets(kafka, topic)).toEqual([1, 2]);
    expect(await watermarks.fetch()).toEqual([2, 2]);
    await transaction.abort();
    await client.disconnect();
    await watermarks.close();
  });

  it.each(['gzip', 'zstd'] as const)('reads batches that the producer has compressed with %s', async (compression) => {
    // Uncompressed the batch is too large for the topic.
    const topic = await topics.create('compressed', 1, { maxMessageBytes: 20_000 });
    const values = Array.from({ length: 100 }, (_, i) => `${String(i)} ${'a'.repeat(1_000)}`);
    await producer.send(
      values.map((value) => output(topic, 0, value)),
      compression,
    );
    expect(await readAll(kafka, topic, 0)).toEqual({ values, nextOffset: 100 });
  });

  it('reads the committed records up to the end, past an aborted transaction', async () => {
    const topic = await topics.create('aborted-tail', 1);
    await transact(topic, 0, 'a', ['a1', 'a2'], true);
    await transact(topic, 0, 'b', ['b1', 'b2'], false);
    await transact(topic, 0, 'c', ['c1'], true);
    await transact(topic, 0, 'd', ['d1', 'd2', 'd3'], false);
    // 3 + 3 + 2 + 4 offsets: each transaction has a marker.
    expect(await readAll(kafka, topic, 0)).toEqual({ values: ['a1', 'a2', 'c1'], nextOffset: 12 });
    expect(await fetchEndOffsets(kafka, topic)).toEqual([12]);
    const uncommitted: string[] = [];
    const { nextOffset } = await readPartition(
      kafka,
      { topic, partition: 0, from: 1, until: 9, isolation: 'uncommitted' },
      ({ records }) => void uncommitted.push(...records.map(valueOf)),
    );
    expect([uncommitted, nextOffset]).toEqual([['a2', 'b1', 'b2', 'c1', 'd1'], 9]);
  });

  it('reads interleaved transactions without the records of the aborted ones', async () => {
    const topic = await topics.create('interleaved', 1);
    const clients = await Promise.all(
      [0, 1, 2].map(async (i) => {
        const client = testKafka().producer({
          transactionalId: unique(i.toString()),
          retry: { initialRetryTime: 8, retries: 20 },
        });
        await client.connect();
        return client;
      }),
    );
    const expected: string[] = [];
    for (let round = 0; round < 6; round++) {
      const open = await Promise.all(clients.map((client) => client.transaction()));
      for (let step = 0; step < 3; step++) {
        for (const [i, transaction] of open.entries()) {
          const value = `${round.toString()}.${i.toString()}.${step.toString()}`;
          await transaction.send({ topic, messages: [{ partition: 0, value }] });
          if ((round + i) % 3 === 0) expected.push(value);
        }
      }
      for (const [i, transaction] of open.entries())
        await ((round + i) % 3 === 0 ? transaction.commit() : transaction.abort());
    }
    await Promise.all(clients.map((client) => client.disconnect()));
    expect((await readAll(kafka, topic, 0)).values).toEqual(expected);
  });

  it('rejects an offset that the log does not hold', async () => {
    const topic = await topics.create('lost', 1);
    await producer.send([output(topic, 0, 'only')]);
    await expect(
      readPartition(kafka, { topic, partition: 0, from: 7, until: 9 }, () => undefined),
    ).rejects.toBeInstanceOf(OffsetOutOfRangeError);
  });

  it('stores bytes, nulls and headers unchanged, and returns the offsets of the records', async () => {
    const topic = await topics.create('bytes', 2);
    const odd = {
      topic,
      partition: 1,
      key: Buffer.from([0, 255, 1]),
      value: null,
      headers: { constructor: Buffer.from('c'), twice: [Buffer.from('1'), Buffer.from('2')], naïve: Buffer.alloc(0) },
      timestamp: 1_700_000_000_123,
    };
    Object.defineProperty(odd.headers, '__proto__', { value: Buffer.from('p'), enumerable: true });
    await producer.send([output(topic, 0, 'x')]);
    const ranges = await producer.send([output(topic, 1, 'a'), odd, output(topic, 0, 'y'), output(topic, 1, 'ü')]);
    expect([...ranges].sort((a, b) => a.partition - b.partition)).toEqual([
      { topic, partition: 0, baseOffset: 1, count: 1 },
      { topic, partition: 1, baseOffset: 0, count: 3 },
    ]);
    const records: unknown[] = [];
    await readPartition(
      kafka,
      { topic, partition: 1, from: 1, until: 2 },
      (batch) => void records.push(...batch.records),
    );
    expect(records).toEqual([{ ...odd, offset: 1 }]);
  });

  it('follows all partitions, catches up, and waits for an offset', async () => {
    const topic = await topics.create('follow', 3);
    await producer.send([0, 1, 2].flatMap((p) => [output(topic, p, 'a'), output(topic, p, 'b')]));
    const seen: string[] = [];
    const follower = new TopicFollower(kafka, {
      topic,
      onBatch: ({ partition, records }) =>
        void seen.push(...records.map((r) => `${partition.toString()}${valueOf(r)}`)),
    });
    await follower.start();
    await follower.waitUntilCaughtUp();
    expect([...seen].sort()).toEqual(['0a', '0b', '1a', '1b', '2a', '2b']);
    const reached = follower.waitForOffset(2, 3, 30_000);
    await transact(topic, 2, 'late', ['late'], true);
    await reached;
    await waitUntil(() => follower.nextOffset(2) === 4, { what: 'the offset after the marker', deadlineMs: WAIT_MS });
    expect(seen).toContain('2late');
    await expect(follower.waitForOffset(0, 99, 50)).rejects.toMatchObject({ code: 'READ_TIMEOUT' });
    await follower.stop();
  });

  it('creates a topic for several services that start together, and rejects another partition count', async () => {
    const spec = {
      name: unique('together'),
      partitions: 3,
      cleanup: 'compact' as const,
      maxMessageBytes: 2_000_000,
      timestamps: 'LogAppendTime' as const,
    };
    await Promise.all([1, 2, 3].map(() => ensureTopics(testKafka(), [spec], { replication: 1 })));
    await expect(ensureTopics(kafka, [{ ...spec, partitions: 4 }], { replication: 1 })).rejects.toBeInstanceOf(
      TopicMismatchError,
    );
    const admin = kafka.admin();
    await admin.connect();
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ type: ConfigResourceTypes.TOPIC, name: spec.name }],
    });
    const config = Object.fromEntries((resources[0]?.configEntries ?? []).map((e) => [e.configName, e.configValue]));
    expect(config).toMatchObject({
      'cleanup.policy': 'compact',
      'max.message.bytes': '2000000',
      'message.timestamp.type': 'LogAppendTime',
    });
    await admin.deleteTopics({ topics: [spec.name] });
    await admin.disconnect();
  });

  it('ends the transaction of a killed owner when the partition opens, before that transaction times out', async () => {
    const topic = await topics.create('killed', 1);
    const groupId = unique('group');
    const client = testKafka().producer({ transactionalId: `${groupId}.${topic}.0`, transactionTimeout: 60_000 });
    await client.connect();
    const transaction = await client.transaction();
    await transaction.send({ topic, messages: [{ partition: 0, value: 'uncommitted' }] });
    expect(await fetchEndOffsets(kafka, topic)).toEqual([0]);
    const owner = await PartitionTransactions.open(kafka, {
      groupId,
      topic,
      partition: 0,
      transactionTimeoutMs: 10_000,
    });
    expect(await readAll(kafka, topic, 0)).toEqual({ values: [], nextOffset: 2 });
    await owner.close();
    await client.disconnect();
  });
});
