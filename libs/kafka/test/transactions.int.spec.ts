import { randomBytes } from 'node:crypto';
import {
  type KafkaRecord,
  PartitionTransactions,
  readPartition,
  RecordProducer,
  RecordTooLargeError,
  TransactionFailedError,
  fetchCommittedOffsets,
  fetchEndOffsets,
} from '../src';
// After the library, which patches kafkajs.
import { CompressionTypes, ConfigResourceTypes, type Kafka } from 'kafkajs';
import { type ProducerIdentity } from '../src/client/kafkajs-internals';
import { fetchStableOffset } from '../src/transactions/committed-offset';
import { type Coordinators } from '../src/transactions/coordinators';
import { output, readAll, TestTopics, testKafka, unique } from './broker';
import { waitUntil } from '@orderstream/deadlines';

const WAIT_MS = 20_000;

/** Whether brokers reject what is written in a transaction that does not have the partition. */
async function verifyPartitions(isOn: boolean): Promise<void> {
  const admin = testKafka().admin();
  await admin.connect();
  const configEntries = [{ name: 'transaction.partition.verification.enable', value: String(isOn) }];
  const { brokers } = await admin.describeCluster();
  const resources = brokers.map(({ nodeId }) => ({
    type: ConfigResourceTypes.BROKER,
    name: String(nodeId),
    configEntries,
  }));
  await admin.alterConfigs({ validateOnly: false, resources });
  await admin.disconnect();
}

describe('PartitionTransactions', () => {
  let kafka: Kafka;
  let topics: TestTopics;
  let input: string;
  let out: string;
  const groupId = unique('group');
  const failures: { partition: number; fenced: boolean }[] = [];
  const open = (partition = 0, transactionTimeoutMs = 10_000): Promise<PartitionTransactions> =>
    PartitionTransactions.open(testKafka(), {
      groupId,
      topic: input,
      partition,
      transactionTimeoutMs,
      onFailure: ({ fenced }, ref) => failures.push({ partition: ref.partition, fenced }),
    });

  beforeAll(async () => {
    kafka = testKafka();
    topics = new TestTopics(kafka);
    input = await topics.create('in', 9);
    out = await topics.create('out', 7);
  });
  afterAll(() => topics.remove());

  it('commits records, offset and metadata, transaction after transaction', async () => {
    const first = await open(0);
    expect(first.committed).toMatchObject({ offset: undefined, metadata: undefined });
    for (let i = 1; i <= 20; i++) {
      await first.commit({
        records: [output(out, 0, `r${i.toString()}`)],
        offset: i,
        metadata: `{"v":${i.toString()}}`,
      });
    }
    await first.commit({ records: [], offset: 21 });
    await first.commit({ records: [output(out, 0, 'r22')], offset: 22, metadata: 'ü'.repeat(2_048) });
    await first.close();
    await expect(first.commit({ records: [], offset: 99 })).rejects.toBeInstanceOf(TransactionFailedError);
    const second = await open(0);
    expect(second.committed).toMatchObject({ offset: 22, metadata: 'ü'.repeat(2_048) });
    await expect(second.commit({ records: [], offset: 23, metadata: 'ü'.repeat(2_049) })).rejects.toBeInstanceOf(
      RangeError,
    );
    await second.close();
    const { values } = await readAll(kafka, out, 0);
    expect(values).toEqual([...Array.from({ length: 20 }, (_, i) => `r${(i + 1).toString()}`), 'r22']);
    expect((await fetchCommittedOffsets(kafka, groupId, input))[0]).toBe(22);
    expect((await fetchCommittedOffsets(kafka, groupId, input))[1]).toBeUndefined();
  });

  it('fences the previous owner: a later commit of that one is rejected and stores nothing', async () => {
    const zombie = await open(1);
    await zombie.commit({ records: [output(out, 1, 'before')], offset: 1 });
    const owner = await open(1);
    expect(owner.committed.offset).toBe(1);
    const rejected = await zombie.commit({ records: [output(out, 1, 'zombie')], offset: 7 }).catch((e: unknown) => e);
    expect(rejected).toMatchObject({ code: 'TRANSACTION_FAILED', outcome: 'aborted', fenced: true });
    expect(failures).toEqual([{ partition: 1, fenced: true }]);
    await owner.commit({ records: [output(out, 1, 'after')], offset: 2 });
    await owner.close();
    expect((await readAll(kafka, out, 1)).values).toEqual(['before', 'after']);
    const successor = await open(1);
    expect(successor.committed.offset).toBe(2);
    await successor.close();
  });

  it('rejects a commit that is answered after close, with an unknown outcome that the next owner finds', async () => {
    const owner = await open(6);
    // As when the answer of the broker is delayed until the partition is closed.
    const { coordinators } = owner as unknown as { coordinators: Coordinators };
    const coordinator = await coordinators.ofTransactions();
    const endTxn = coordinator.endTxn.bind(coordinator);
    coordinator.endTxn = async (request) => {
      const answer = await endTxn(request);
      void owner.close();
      return answer;
    };
    const late = owner.commit({ records: [output(out, 6, 'late')], offset: 1, metadata: 'late' });
    await expect(late).rejects.toMatchObject({ code: 'TRANSACTION_FAILED', outcome: 'unknown' });
    const successor = await open(6);
    expect(successor.committed).toMatchObject({ offset: 1, metadata: 'late' });
    await successor.close();
  });

  it('gets no committed offset while a transaction that changes it is undecided', async () => {
    const owner = await open(7);
    await owner.commit({ records: [], offset: 1, metadata: 'ü'.repeat(200) });
    const { coordinators } = owner as unknown as { coordinators: Coordinators };
    const read = async (): Promise<unknown> =>
      fetchStableOffset(await coordinators.ofGroup(), groupId, { topic: input, partition: 7 });
    const isRead = (): Promise<boolean> =>
      read().then(
        () => true,
        () => false,
      );
    await waitUntil(isRead, { what: 'the commit to be completed', deadlineMs: WAIT_MS });
    expect(await read()).toMatchObject({ offset: 1, metadata: 'ü'.repeat(200) });
    const coordinator = await coordinators.ofTransactions();
    const endTxn = coordinator.endTxn.bind(coordinator);
    const reads: unknown[] = [];
    coordinator.endTxn = async (request) => {
      reads.push(await read().catch((error: unknown) => error));
      return endTxn(request);
    };
    await owner.commit({ records: [], offset: 2 });
    expect(reads).toMatchObject([{ type: 'UNSTABLE_OFFSET_COMMIT' }]);
    await owner.close();
    const successor = await open(7);
    expect(successor.committed).toMatchObject({ offset: 2, metadata: undefined });
    await successor.close();
  });

  it('says what the broker has answered until the deadline of an opening', async () => {
    const other = kafka.producer({ transactionalId: unique('other'), maxInFlightRequests: 1 });
    await other.connect();
    const transaction = await other.transaction();
    await transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [{ topic: input, partitions: [{ partition: 8, offset: '5' }] }],
    });
    await expect(open(8, 1_500)).rejects.toMatchObject({
      code: 'OFFSET_UNSTABLE',
      cause: { type: 'UNSTABLE_OFFSET_COMMIT' },
    });
    await transaction.abort();
    await other.disconnect();
  });

  it.each([
    ['committed', true, 2],
    ['aborted', false, 1],
  ])(
    'ends a transaction again, as its coordinator has it, whose end the broker has lost: %s',
    async (_, result, offset) => {
      const partition = result ? 4 : 2;
      await verifyPartitions(false);
      try {
        const owner = await open(partition);
        await owner.commit({ records: [], offset: 1 });
        // An offset of a transaction that was never added to it: no marker ends it, as when the marker was lost.
        const { coordinators, identity } = owner as unknown as {
          coordinators: Coordinators;
          identity: ProducerIdentity;
        };
        const coordinator = await coordinators.ofTransactions();
        if (!result) {
          await waitUntil(() => coordinator.addOffsetsToTxn({ ...identity, groupId }).then(() => true), {
            what: 'the commit to be completed',
            deadlineMs: WAIT_MS,
          });
          const abort = { ...identity, transactionResult: false };
          await coordinator.endTxn(abort);
          // The first answer comes before the markers, which would end the lost offset as well.
          await waitUntil(() => coordinator.endTxn(abort).then(() => true), {
            what: 'the abort to be completed',
            deadlineMs: WAIT_MS,
          });
        }
        const place = { topic: input, partition };
        const group = await coordinators.ofGroup();
        await waitUntil(() => fetchStableOffset(group, groupId, place).then(() => true), {
          what: 'the end of the last transaction',
          deadlineMs: WAIT_MS,
        });
        const lost = [{ partition, offset: '2', metadata: 'lost' }];
        await group.txnOffsetCommit({ ...identity, groupId, topics: [{ topic: input, partitions: lost }] });
        await expect(fetchStableOffset(group, groupId, place)).rejects.toMatchObject({
          type: 'UNSTABLE_OFFSET_COMMIT',
        });
        await owner.close();
        const successor = await open(partition);
        expect(successor.committed).toMatchObject({ offset, metadata: result ? 'lost' : undefined });
        await successor.commit({ records: [], offset: 3 });
        await successor.close();
        const next = await open(partition);
        expect(next.committed.offset).toBe(3);
        await next.close();
      } finally {
        await verifyPartitions(true);
      }
    },
  );

  it('finds out whether another owner has committed since it was opened', async () => {
    const first = await open(8);
    await first.assertCurrent();
    await first.commit({ records: [], offset: 1, metadata: 'a' });
    await first.assertCurrent();
    const second = await open(8);
    // It is fenced, but nothing has changed yet.
    await first.assertCurrent();
    await second.commit({ records: [], offset: 1, metadata: 'b' });
    await second.assertCurrent();
    await expect(first.assertCurrent()).rejects.toMatchObject({ code: 'TRANSACTION_FAILED', fenced: true });
    await Promise.all([first.close(), second.close()]);
  });

  it('does not hold back the last stable offset of its output partitions while it is idle', async () => {
    const idle = await open(2);
    const plain = new RecordProducer(kafka, { maxRequestBytes: 1_048_576 });
    await plain.send([output(out, 2, 'a'), output(out, 2, 'b')]);
    await plain.disconnect();
    expect((await fetchEndOffsets(kafka, out))[2]).toBe(2);
    await idle.close();
  });

  it('commits outputs of several megabytes in one transaction, in order', async () => {
    const big = 'x'.repeat(400_000);
    const records = Array.from({ length: 12 }, (_, i) => output(out, 3, `${i.toString()}:${big}`));
    const owner = await open(3);
    await owner.commit({ records: [...records, output(out, 4, 'other')], offset: 12 });
    await expect(
      owner.commit({ records: [{ ...output(out, 3, ''), value: randomBytes(1_100_000) }], offset: 13 }),
    ).rejects.toBeInstanceOf(RecordTooLargeError);
    await owner.commit({ records: [output(out, 3, 'still usable')], offset: 13 });
    await owner.close();
    const { values, nextOffset } = await readAll(kafka, out, 3);
    // Two transactions, each with one marker.
    expect(nextOffset).toBe(12 + 1 + 1 + 1);
    expect(values.map((v) => v.slice(0, v.indexOf(':')))).toEqual(
      [...records.keys()].map(String).concat('still usabl'),
    );
    expect((await readAll(kafka, out, 4)).values).toEqual(['other']);
  });

  it('stores a record that fits only compressed with the same key, value and headers', async () => {
    const source = await topics.create('compressed', 1);
    const small = await topics.create('compressed.out', 1, { maxMessageBytes: 4_259_840 });
    const plain = testKafka().producer();
    await plain.connect();
    const send = (value: string, compression: CompressionTypes): Promise<unknown> =>
      plain.send({ topic: source, compression, messages: [{ key: 'k', value, partition: 0, headers: { h: 'v' } }] });
    await send('x'.repeat(3_900_000), CompressionTypes.None);
    await send(JSON.stringify(Array.from({ length: 500_000 }, (_, i) => ({ order_id: i }))), CompressionTypes.GZIP);
    await plain.disconnect();
    const owner = await PartitionTransactions.open(testKafka(), {
      groupId: unique('group'),
      topic: source,
      partition: 0,
      transactionTimeoutMs: 10_000,
      maxRecordBytes: 4_259_840,
    });
    const read: KafkaRecord[] = [];
    const range = { partition: 0, from: 'beginning', until: 'end' } as const;
    await readPartition(kafka, { ...range, topic: source }, ({ records }) => void read.push(...records));
    await owner.commit({ records: read.map((record) => ({ ...record, topic: small })), offset: 2 });
    await owner.close();
    await waitUntil(async () => (await fetchEndOffsets(kafka, small))[0] === 3, {
      what: 'both records to be visible',
      deadlineMs: WAIT_MS,
    });
    const written: KafkaRecord[] = [];
    await readPartition(kafka, { ...range, topic: small }, ({ records }) => void written.push(...records));
    expect(written.map(({ value }) => value?.length)).toEqual([3_900_000, 9_888_891]);
    for (const [i, { key, value, headers }] of read.entries()) {
      expect(written[i]?.value?.equals(value ?? Buffer.alloc(0))).toBe(true);
      expect(written[i]).toMatchObject({ key, headers });
    }
  });

  it('aborts when the broker rejects a record, before the transaction times out', async () => {
    const small = await topics.create('small', 1, { maxMessageBytes: 1_000 });
    // The broker would abort it only after 60 s.
    const owner = await open(5, 60_000);
    const failed = await owner
      .commit({ records: [output(out, 5, 'lost'), output(small, 0, 'x'.repeat(5_000))], offset: 5 })
      .catch((e: unknown) => e);
    expect(failed).toMatchObject({ outcome: 'aborted', fenced: false });
    await waitUntil(async () => (await fetchEndOffsets(kafka, out))[5] === 2, {
      what: 'the abort marker',
      deadlineMs: WAIT_MS,
    });
    expect(await readAll(kafka, out, 5)).toEqual({ values: [], nextOffset: 2 });
    const again = await open(5);
    expect(again.committed.offset).toBeUndefined();
    await again.close();
  });
});
