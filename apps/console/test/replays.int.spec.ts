import { randomUUID } from 'node:crypto';
import { deadLetterTopic, partitionFor, rawTopic, TOPICS } from '@orderstream/contracts';
import { buildDeadLetter, type Plan } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, ensureTopics, fetchEndOffsets, readPartition, RecordProducer } from '@orderstream/kafka';
import { type ReceiptPageDto } from '../src/replays/plan.dto';
import { BROKERS, RunningConsole } from './running-console';
import { useContractTopicsAlone } from '../../../test/support/contract-topics';

useContractTopicsAlone(BROKERS);

jest.setTimeout(180_000);

const SOURCE = rawTopic('customers');
const TOPIC = deadLetterTopic(SOURCE, 'validator');
const REASON = `replayed.${randomUUID().slice(0, 8)}`;
const LETTERS = 50;
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'replays-spec' });
const producer = new RecordProducer(kafka, { maxRequestBytes: 1_000_000 });

it('creates a plan once, previews it, starts it on its revision, and has a receipt for each letter', async () => {
  await ensureTopics(
    kafka,
    TOPICS.filter(({ name }) => name === SOURCE),
    { replication: 1 },
  );
  const desk = await RunningConsole.start();
  await producer.connect();
  const ids = Array.from({ length: LETTERS }, () => randomUUID());
  await producer.send(
    ids.map((id, at) => {
      const key = Buffer.from(`customer-${String(at % 7)}`);
      return buildDeadLetter(
        {
          ...{ topic: SOURCE, partition: partitionFor(key, 6), offset: at, timestamp: Date.now(), key },
          value: Buffer.from(JSON.stringify({ event_id: id })),
          headers: { ce_id: id, ce_type: 'customer.registered' },
        },
        { app: 'validator', reasons: [{ code: REASON }], failedAt: new Date() },
      );
    }),
  );
  const ends = await fetchEndOffsets(kafka, SOURCE);

  const key = randomUUID();
  const create = (ratePerSecond: number) =>
    desk.call<Plan>('/admin/replays', {
      method: 'POST',
      headers: { 'idempotency-key': key },
      body: { topic: TOPIC, filter: { reason: REASON }, ratePerSecond, stopAboveShare: 1 },
    });
  const created = await waitUntil(
    async () => {
      const answer = await create(1_000);
      return answer.status === 503 ? undefined : answer;
    },
    { what: 'the plans to open', deadlineMs: 60_000 },
  );
  const again = await create(1_000);
  const { id } = again.body;
  expect([again.status, (created as { body: Plan }).body.id]).toEqual([200, id]);
  expect(await create(999)).toMatchObject({
    status: 422,
    body: { type: 'urn:orderstream:problem:idempotency-key-reused' },
  });

  const plan = (): Promise<Plan> => desk.get<Plan>(`/admin/replays/${id}`, { role: 'viewer' });
  const previewed = await desk.call<Plan>(`/admin/replays/${id}/preview`, { method: 'POST' });
  expect(previewed.status).toBe(200);
  await waitUntil(async () => (await plan()).state === 'ready', { what: 'the preview', deadlineMs: 60_000 });
  const ready = await plan();
  expect(ready.preview).toMatchObject({ letters: LETTERS, total: LETTERS });
  const [sample] = ready.preview?.samples ?? [];
  expect(sample).toMatchObject({ topic: TOPIC, reason: REASON });

  const start = (revision: number) =>
    desk.call<Plan>(`/admin/replays/${id}/start`, { method: 'POST', headers: { 'if-match': `"${String(revision)}"` } });
  expect((await start(ready.revision - 1)).status).toBe(412);
  expect((await start(ready.revision)).status).toBe(200);
  await waitUntil(async () => (await plan()).progress.returned === LETTERS, {
    what: 'all letters to be back',
    deadlineMs: 60_000,
  });
  expect((await start(ready.revision)).status).toBe(412);

  const letters: string[] = [];
  for (let cursor = ''; ;) {
    const page = await desk.get<ReceiptPageDto>(`/admin/replays/${id}/receipts?limit=20${cursor}`);
    expect(page.receipts.every(({ outcome }) => outcome === 'returned')).toBe(true);
    letters.push(...page.receipts.map(({ letter }) => letter));
    if (page.next === undefined) break;
    cursor = `&cursor=${page.next}`;
  }
  expect([letters.length, new Set(letters).size]).toEqual([LETTERS, LETTERS]);

  const returned: string[] = [];
  for (const [partition, from] of ends.entries()) {
    await readPartition(kafka, { topic: SOURCE, partition, from, until: 'end' }, ({ records }) => {
      for (const { headers } of records) returned.push(String(headers.ce_id));
    });
  }
  expect(returned.toSorted()).toEqual(ids.toSorted());
  await desk.call(`/admin/replays/${id}/cancel`, { method: 'POST' });
  await producer.disconnect();
  expect(await desk.stop()).toBe(0);
});
