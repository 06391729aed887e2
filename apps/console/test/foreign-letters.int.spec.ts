import { randomUUID } from 'node:crypto';
import { waitUntil } from '@orderstream/deadlines';
import { type Plan } from '@orderstream/dead-letters';
import { createKafka, ensureTopics, type OutputRecord, readPartition, RecordProducer } from '@orderstream/kafka';
import { type LetterGroupsDto, type LetterPageDto } from '../src/dead-letters/letter.dto';
import { type ReceiptPageDto } from '../src/replays/plan.dto';
import { BROKERS, RunningConsole } from './running-console';

jest.setTimeout(180_000);

const RUN = randomUUID().slice(0, 8);
const CONNECT = `connect-${RUN}.dlq`;
const SPRING = `billing-${RUN}-dlt`;
const INVOICES = `invoices-${RUN}`;
const SPEC = { partitions: 1, cleanup: 'delete', maxMessageBytes: 1_000_000, timestamps: 'CreateTime' } as const;
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'foreign-spec' });
const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });

const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const int64 = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
};
const record = (topic: string, headers: OutputRecord['headers']): OutputRecord => ({
  ...{ topic, partition: 0, key: Buffer.from('k'), value: Buffer.from('{}'), headers },
});
const connect = (offset: number, exception: string): OutputRecord =>
  record(CONNECT, {
    '__connect.errors.topic': INVOICES,
    '__connect.errors.partition': '2',
    '__connect.errors.offset': String(offset),
    '__connect.errors.stage': 'VALUE_CONVERTER',
    '__connect.errors.exception.class.name': exception,
  });
const spring = (offset: number): OutputRecord =>
  record(SPRING, {
    'kafka_dlt-original-topic': 'payments',
    'kafka_dlt-original-partition': int32(1),
    'kafka_dlt-original-offset': int64(offset),
    'kafka_dlt-exception-fqcn': 'org.springframework.kafka.listener.ListenerExecutionFailedException',
    'kafka_dlt-exception-cause-fqcn': 'java.lang.IllegalStateException',
  });

it('lists and groups the dead letters of Kafka Connect and Spring, and returns them by plan', async () => {
  await ensureTopics(
    kafka,
    [...[CONNECT, SPRING].map((name) => ({ ...SPEC, name })), { ...SPEC, name: INVOICES, partitions: 4 }],
    { replication: 1 },
  );
  await producer.connect();
  const desk = await RunningConsole.start({ FOREIGN_DEAD_LETTER_TOPICS: `${CONNECT},${SPRING}` });
  await producer.send([
    ...[connect(7, 'org.apache.kafka.connect.errors.DataException'), connect(9, 'java.io.IOException')],
    ...[connect(8, 'org.apache.kafka.connect.errors.DataException'), spring(41), record(SPRING, {})],
  ]);
  const list = (topic: string): Promise<LetterPageDto> =>
    desk.get<LetterPageDto>(`/admin/dead-letters?topic=${topic}&order=oldest`, { role: 'viewer' });
  await waitUntil(async () => (await list(CONNECT)).letters.length + (await list(SPRING)).letters.length === 4, {
    what: 'the letters of other programs',
    deadlineMs: 30_000,
  });
  expect((await list(CONNECT)).letters).toMatchObject([
    { app: 'connect', source: { topic: INVOICES, partition: 2, offset: 7 } },
    { app: 'connect', reason: 'java.io.IOException', source: { offset: 9 } },
    { app: 'connect', source: { offset: 8 } },
  ]);
  expect((await list(SPRING)).letters).toMatchObject([
    {
      app: 'spring',
      reason: 'java.lang.IllegalStateException',
      source: { topic: 'payments', partition: 1, offset: 41 },
    },
  ]);
  const { groups } = await desk.get<LetterGroupsDto>(`/admin/dead-letters/groups?topic=${CONNECT}`);
  expect(groups.map(({ app, reason, path, count }) => [app, reason, path, count])).toEqual([
    ['connect', 'org.apache.kafka.connect.errors.DataException', 'VALUE_CONVERTER', 2],
    ['connect', 'java.io.IOException', 'VALUE_CONVERTER', 1],
  ]);

  const created = await waitUntil(
    async () => {
      const answer = await desk.call<Plan>('/admin/replays', {
        method: 'POST',
        headers: { 'idempotency-key': RUN },
        body: { topic: CONNECT, filter: { reason: 'org.apache.kafka.connect.errors.DataException' } },
      });
      return answer.status === 503 ? undefined : answer;
    },
    { what: 'the plans to open', deadlineMs: 60_000 },
  );
  const { id } = created.body;
  const reached = (state: string): Promise<Plan> =>
    waitUntil(
      async () => {
        const plan = await desk.get<Plan>(`/admin/replays/${id}`);
        return plan.state === state ? plan : undefined;
      },
      { what: `the plan to be ${state}`, deadlineMs: 60_000 },
    );
  await desk.call(`/admin/replays/${id}/preview`, { method: 'POST' });
  const { preview, revision } = await reached('ready');
  expect(preview).toMatchObject({ total: 2, sources: [{ topic: INVOICES, letters: 2 }], dryRun: { undecided: 2 } });
  expect(preview?.warnings).toContainEqual(expect.stringContaining('reads the returned records again'));
  await desk.call(`/admin/replays/${id}/start`, {
    method: 'POST',
    headers: { 'if-match': `"${String(revision)}"` },
  });
  // No consumer reads the topic: the plan waits for the fate of its letters as long as it may.
  const { outcome } = await reached('finished');
  expect(outcome).toContain('not evaluated yet');
  const { receipts } = await desk.get<ReceiptPageDto>(`/admin/replays/${id}/receipts`);
  expect(receipts.map(({ to }) => to)).toEqual(Array(2).fill({ topic: INVOICES, partition: 2 }));
  const marks: string[] = [];
  await readPartition(kafka, { topic: INVOICES, partition: 2, from: 'beginning', until: 'end' }, ({ records }) => {
    for (const { headers } of records) marks.push(String(headers['dlq-replay']));
  });
  expect(marks.map((mark) => (JSON.parse(mark) as { origin: number }).origin)).toEqual([7, 8]);

  const unknown = await desk.call('/admin/replays', {
    method: 'POST',
    headers: { 'idempotency-key': randomUUID() },
    body: { topic: INVOICES, filter: {} },
  });
  expect(unknown).toMatchObject({ status: 422, body: { type: 'urn:orderstream:problem:plan-invalid' } });
  await producer.disconnect();
  expect(await desk.stop()).toBe(0);
});
