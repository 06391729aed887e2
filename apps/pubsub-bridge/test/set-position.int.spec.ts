import { randomUUID } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';

import { parseDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import {
  createKafka,
  ensureTopics,
  fetchCommittedOffsets,
  type KafkaRecord,
  type OutputRecord,
  PartitionTransactions,
  readPartition,
  RecordProducer,
} from '@orderstream/kafka';
// After the library, which patches kafkajs.
import { CompressionCodecs, CompressionTypes } from 'kafkajs';

import { kafkaPosition } from '../src/positions/kafka-position';
import { type PositionTarget, setPosition, type SetPositionReport } from '../src/positions/set-position';
import { bridgeSettings, bridgeSource, RunningBridge } from './running-bridge';

const WAIT_MS = 30_000;
const PARTITION = 2;
jest.setTimeout(90_000);

/** kafkajs has no zstd of its own. Its types do not say that a codec gets an encoder. */
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }: { buffer: Buffer }) => Promise.resolve(zstdCompressSync(buffer)),
  decompress: () => Promise.reject(new Error('not used')),
});

const name = `position-${randomUUID().slice(0, 8)}`;
const settings = bridgeSettings(name, process.env.TEST_PUBSUB_EMULATOR_HOST ?? '');
const source = bridgeSource(name);
const { name: topic } = source.validated;
const kafka = createKafka(settings.kafka);
let bridge: RunningBridge;

const order = (id: string): OutputRecord => ({
  topic,
  partition: PARTITION,
  key: Buffer.from(id),
  value: Buffer.from(JSON.stringify({ event_id: id, event_type: 'order.placed' })),
  headers: { ce_id: id },
});
/** A producer of its own for each call: the topic is deleted meanwhile. */
async function send(count: number): Promise<void> {
  const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });
  await producer.connect();
  await producer.send(Array.from({ length: count }, () => order(randomUUID())));
  await producer.disconnect();
}
const until = (what: string, met: () => boolean | Promise<boolean>): Promise<unknown> =>
  waitUntil(met, { what, deadlineMs: WAIT_MS });
const status = () => bridge.status.partitions.find((one) => one.topic === topic && one.partition === PARTITION);
const stopped = (): Promise<unknown> => until('the partition to stop', () => status()?.state === 'stopped');
const committed = async () => (await fetchCommittedOffsets(kafka, source.groupId, topic))[PARTITION];
const move = (target: PositionTarget): Promise<SetPositionReport> =>
  setPosition({ ...kafkaPosition(kafka, source, { topic, partition: PARTITION }), target, now: () => new Date() });
const LINE = `npm run set-position -- pubsub-bridge --family orders --partition ${String(PARTITION)} --to`;

beforeAll(async () => {
  bridge = new RunningBridge(settings, source);
  await bridge.start();
});
afterAll(async () => {
  await bridge.stop();
  await bridge.delete();
});

it('skips a batch that cannot be decoded as one dead letter, and no batch that can be decoded', async () => {
  await send(5);
  const producer = kafka.producer();
  await producer.connect();
  const values = [Buffer.from('small'), Buffer.alloc(129 * 1_048_576)];
  const messages = values.map((value) => ({ partition: PARTITION, value }));
  await producer.send({ topic, compression: CompressionTypes.ZSTD, messages });
  await producer.disconnect();
  await send(3);
  await stopped();
  expect(status()?.error).toContain(`${topic}/${String(PARTITION)}@5 (offsets 5 to 6, 2 records, `);
  expect(status()?.error).toContain(`\`${LINE} next-batch\`, then \`POST /admin/resume\``);
  // What lies before the batch is published and committed, although the partition has stopped.
  expect(await committed()).toBe(5);

  expect(await move('next-batch')).toMatchObject({
    before: 5,
    position: 7,
    skipped: 2,
    deadLetteredBatch: { firstOffset: 5, lastOffset: 6 },
    otherLog: null,
  });
  await expect(move('next-batch')).rejects.toMatchObject({
    code: 'POSITION_REJECTED',
    message: expect.stringContaining(`${topic}/${String(PARTITION)}@7 can be read`) as string,
  });
  expect(await committed()).toBe(7);
  await bridge.service.resume();
  await until('the records behind the batch', async () => (await committed()) === 10);

  const letters: KafkaRecord[] = [];
  const range = { topic: source.deadLetters.name, partition: PARTITION, from: 'beginning', until: 'end' } as const;
  await readPartition(kafka, range, ({ records }) => void letters.push(...records));
  expect(letters.map(parseDeadLetter)).toMatchObject([
    {
      reason: 'structure.unreadable_batch',
      source: { topic, partition: PARTITION, offset: 5 },
      batch: { firstOffset: 5, lastOffset: 6, records: 2, baseOffset: 5 },
      needsEdit: true,
    },
  ]);
});

it('fences a running bridge: it goes on where the command has moved it to, and commits no other offset', async () => {
  const before = (await committed()) ?? 0;
  const { published } = bridge.status;
  expect(await move(before - 3)).toMatchObject({ skipped: 0, again: 3, position: before - 3 });
  // The next commit of the running bridge is rejected; it then reads from the new offset.
  await send(1);
  await until('the records to be published again', () => bridge.status.published - published >= 3 + 1);
  await until('the commit', async () => (await committed()) === before + 1);
});

it('stops at a topic that was re-created, also after a resume, until set-position leads on', async () => {
  await bridge.stop();
  const opened = await PartitionTransactions.open(kafka, {
    groupId: source.groupId,
    topic,
    partition: PARTITION,
    transactionTimeoutMs: 10_000,
  });
  const { offset = 0, metadata: found = '' } = opened.committed;
  await opened.close();
  expect(found).toMatch(/^\{"v":1,"log":"[\w-]{22}","subscription":\{"id":"\d+","at":"[^"]+","offset":\d+\}\}$/);
  const gap = { from: '2026-01-02T03:00:00.000Z', to: '2026-01-02T03:00:30.000Z', fromOffset: 2, toOffset: 4 };
  const metadata = found.replace(/\}$/, `,"gaps":[${JSON.stringify(gap)}]}`);
  const admin = kafka.admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  await until('the topic to be deleted', async () => !(await admin.listTopics()).includes(topic));
  await admin.disconnect();
  await ensureTopics(kafka, [source.validated], { replication: 1 });
  await send(offset + 20);
  // As a bridge that hung commits what it had published of the old topic.
  const late = await PartitionTransactions.open(kafka, {
    groupId: source.groupId,
    topic,
    partition: PARTITION,
    transactionTimeoutMs: 10_000,
  });
  await late.commit({ records: [], offset, metadata });
  await late.close();

  bridge = new RunningBridge(settings, source);
  await bridge.start();
  for (const attempt of ['start', 'resume']) {
    await stopped();
    expect([attempt, status()?.error]).toEqual([attempt, expect.stringContaining('it was deleted and re-created')]);
    expect(status()?.error).toContain(`\`${LINE} beginning\``);
    const lines = bridge.lines.length;
    if (attempt === 'start') {
      await bridge.service.resume();
      await until('the second stop', () => JSON.stringify(bridge.lines.slice(lines)).includes('LOG_MISMATCH'));
    }
  }
  expect(await committed()).toBe(offset);
  expect(await move('beginning')).toMatchObject({ before: offset, position: 0, skipped: 0 });
  await bridge.service.resume();
  await until('the new log to be published', async () => (await committed()) === offset + 20);
  expect(bridge.status.published).toBe(offset + 20);
  // A gap of the old log means nothing in the new one.
  expect(bridge.status.subscription.gaps).toEqual([]);
});
