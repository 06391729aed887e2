import { randomUUID } from 'node:crypto';
import { deadLetterTopic, rawTopic } from '@orderstream/contracts';
import { buildDeadLetter } from '@orderstream/dead-letters';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, type OutputRecord, RecordProducer } from '@orderstream/kafka';
import { type LetterDetailDto, type LetterGroupsDto, type LetterPageDto } from '../src/dead-letters/letter.dto';
import { BROKERS, RunningConsole } from './running-console';

jest.setTimeout(120_000);

const SOURCE = rawTopic('orders');
const TOPIC = deadLetterTopic(SOURCE, 'validator');
/** Letters of other specs are in the same topics: each test filters by a reason of its own. */
const RUN = randomUUID().slice(0, 8);
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'console-spec' });
const producer = new RecordProducer(kafka, { maxRequestBytes: 4_000_000 });
let desk: RunningConsole;
let offset = 0;

interface Draft {
  readonly reason: string;
  readonly key?: string;
  readonly body?: object | string | Buffer;
  readonly failedAt?: Date;
  readonly path?: string;
}

function letterOf({ reason, key = 'k', body = {}, failedAt = new Date(), path }: Draft, index: number): OutputRecord {
  const value = Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return buildDeadLetter(
    {
      ...{ topic: SOURCE, partition: index % 6, offset: offset++, timestamp: failedAt.getTime() },
      key: Buffer.from(key),
      value,
      headers: { ce_id: randomUUID(), ce_type: 'order.placed', 'x-other': 'Ada Becker' },
    },
    { app: 'validator', reasons: [{ code: reason, ...(path === undefined ? {} : { path }) }], failedAt },
  );
}

const send = (drafts: readonly Draft[]): Promise<unknown> => producer.send(drafts.map(letterOf));
const list = (query: string, role: 'viewer' | 'operator' = 'operator'): Promise<LetterPageDto> =>
  desk.get<LetterPageDto>(`/admin/dead-letters?${query}`, { role });
const counted = (query: string, count: number): Promise<unknown> =>
  waitUntil(async () => (await list(`${query}&limit=1000`)).letters.length >= count, {
    what: `${String(count)} letters of ${query}`,
    deadlineMs: 30_000,
  });

beforeAll(async () => {
  desk = await RunningConsole.start();
  await producer.connect();
});
afterAll(async () => {
  await producer.disconnect();
  expect(await desk.stop()).toBe(0);
});

it('lists 5,000 letters over pages without a gap or a repetition while new ones arrive', async () => {
  const reason = `many.${RUN}`;
  const drafts = Array.from({ length: 5_000 }, (_, at) => ({ reason, key: `key-${String(at)}` }));
  await send(drafts);
  await waitUntil(async () => (await groupOf(reason))?.count === 5_000, {
    what: 'all letters in the index',
    deadlineMs: 60_000,
  });
  for (const order of ['newest', 'oldest']) {
    const keys: (string | null)[] = [];
    let more = 0;
    for (let cursor = ''; ;) {
      const page = await list(`reason=${reason}&order=${order}&limit=333${cursor}`);
      keys.push(...page.letters.map(({ key }) => key));
      if (more++ < 5) await send([{ reason, key: `later-${order}-${String(more)}` }]);
      if (page.next === undefined) break;
      cursor = `&cursor=${page.next}`;
    }
    const first = keys.filter((key) => key?.startsWith('key-'));
    expect(first).toHaveLength(5_000);
    expect(new Set(keys).size).toBe(keys.length);
    // What arrives later is before the first page of the newest, and at the end of the oldest.
    if (order === 'newest') expect(keys).toHaveLength(5_000);
  }
});

async function groupOf(reason: string) {
  const { groups } = await desk.get<LetterGroupsDto>(`/admin/dead-letters/groups?reason=${reason}`);
  return groups[0];
}

it('groups letters that failed alike, with their trend and the latest of them', async () => {
  const reason = `group.${RUN}`;
  const hoursAgo = (hours: number): Date => new Date(Date.now() - hours * 3_600_000);
  await send([
    { reason, path: 'a', failedAt: hoursAgo(30) },
    { reason, path: 'a', failedAt: hoursAgo(2) },
    { reason, path: 'a' },
    { reason, path: 'b' },
  ]);
  await counted(`reason=${reason}`, 4);
  const { groups } = await desk.get<LetterGroupsDto>(`/admin/dead-letters/groups?reason=${reason}`);
  expect(groups.map(({ path, count }) => [path, count])).toEqual([
    ['a', 3],
    ['b', 1],
  ]);
  expect(groups[0]?.hourly.slice(-3)).toEqual([1, 0, 1]);
  const shown = await desk.get<LetterDetailDto>(`/admin/dead-letters/${groups[1]?.samples[0] ?? ''}`);
  expect(shown).toMatchObject({ reason, app: 'validator', topic: TOPIC, attempt: 1, eventType: 'order.placed' });
});

it('filters by key and by fields of the body', async () => {
  const reason = `fields.${RUN}`;
  await send(
    Array.from({ length: 60 }, (_, at) => ({
      reason,
      key: `k${String(at % 3)}`,
      body: { item_quantity: at % 4, item_sku: 'x' },
    })),
  );
  await counted(`reason=${reason}`, 60);
  const found = await list(`reason=${reason}&key=k1&field=item_quantity=2&field=item_sku=x`);
  expect(found.letters).toHaveLength(5);
  expect(new Set(found.letters.map(({ key }) => key))).toEqual(new Set(['k1']));
  // A page that ends within what was read goes on behind its last letter.
  const ids: string[] = [];
  for (let cursor = ''; ;) {
    const page = await list(`reason=${reason}&field=item_quantity=2&limit=4${cursor}`);
    ids.push(...page.letters.map(({ id }) => id));
    if (page.next === undefined) break;
    cursor = `&cursor=${page.next}`;
  }
  expect([ids.length, new Set(ids).size]).toEqual([15, 15]);
  const { groups } = await desk.get<LetterGroupsDto>(
    `/admin/dead-letters/groups?reason=${reason}&field=item_quantity=2`,
  );
  expect(groups.map(({ count }) => count)).toEqual([15]);
});

it('rejects a cursor of another query, and a damaged one', async () => {
  const reason = `many.${RUN}`;
  const { next = '' } = await list(`reason=${reason}&limit=1`);
  for (const query of [`reason=other&cursor=${next}`, `reason=${reason}&order=oldest&cursor=${next}`, 'cursor=x']) {
    const { status, body } = await desk.call(`/admin/dead-letters?${query}`);
    expect([status, body]).toMatchObject([400, { type: 'urn:orderstream:problem:cursor-rejected' }]);
  }
});

it('answers 404 for an id that is none, and for a letter that is not there', async () => {
  for (const id of [`${TOPIC}/0/999999999`, `${TOPIC}/0/x`, `${TOPIC}/77/0`, `${SOURCE}/0/0`, 'nowhere/0/0']) {
    const { status, body } = await desk.call(`/admin/dead-letters/${id}`);
    expect([id, status, body]).toMatchObject([id, 404, { type: 'urn:orderstream:problem:letter-unknown' }]);
  }
});

it('masks personal fields for viewers, and shows them nothing of a body that is not readable', async () => {
  const reason = `masked.${RUN}`;
  const body = { vendor_name: 'Becker and Sons', unknown: 'Ada', item_quantity: 2, nested: { email: 'a@b.c' } };
  await send([
    { reason, key: 'json', body },
    { reason, key: 'text', body: '{"vendor_name": "Becker' },
    { reason, key: 'bytes', body: Buffer.from([0xff, 0x00]) },
  ]);
  await counted(`reason=${reason}`, 3);
  const byKey = new Map((await list(`reason=${reason}`)).letters.map(({ key, id }) => [key, id]));
  const show = (key: string, role: 'viewer' | 'operator'): Promise<LetterDetailDto> =>
    desk.get(`/admin/dead-letters/${byKey.get(key) ?? ''}`, { role });

  expect((await show('json', 'operator')).body).toEqual(body);
  const masked = await show('json', 'viewer');
  expect(masked.body).toEqual({ vendor_name: '(masked)', unknown: '(masked)', item_quantity: 2, nested: '(masked)' });
  expect(masked.headers).toContainEqual({ name: 'x-other', value: '(masked)' });
  expect(masked.headers).toContainEqual({ name: 'ce_type', value: 'order.placed' });
  expect((await show('text', 'operator')).body).toEqual({ text: '{"vendor_name": "Becker' });
  expect((await show('text', 'viewer')).body).toEqual({ masked: true, bytes: 23 });
  expect((await show('bytes', 'operator')).body).toEqual({ base64: '/wA=' });
  expect((await show('bytes', 'viewer')).body).toEqual({ masked: true, bytes: 2 });

  const { status, body: problem } = await desk.call(`/admin/dead-letters?field=vendor_name=Becker`, { role: 'viewer' });
  expect([status, problem]).toMatchObject([403, { type: 'urn:orderstream:problem:field-masked' }]);
});
