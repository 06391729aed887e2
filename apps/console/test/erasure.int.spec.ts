import { createHash, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';
import { AUDIT_TOPIC, TABLES } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, readPartition } from '@orderstream/kafka';
import { type ErasureDto } from '../src/erasures/erasure.dto';
import { CustomerRows } from './customer-rows';
import { type Answer, BROKERS, RunningConsole } from './running-console';

jest.setTimeout(180_000);

const env = (name: string): string => process.env[name] ?? '';
const idOf = (name: string): string => createHash('sha256').update(`${name} ${DATASET}`).digest('hex');
const DATASET = `erasure_${randomUUID().slice(0, 8)}`;
const CUSTOMER = idOf('ann');
const OTHER = idOf('bob');
const HASH = createHash('sha256').update(CUSTOMER).digest('hex').slice(0, 16);
const BIGQUERY = {
  BIGQUERY_PROJECT: env('TEST_BIGQUERY_PROJECT'),
  BIGQUERY_DATASET: DATASET,
  BIGQUERY_API_ENDPOINT: env('TEST_BIGQUERY_API_ENDPOINT'),
  BIGQUERY_GRPC_ENDPOINT: env('TEST_BIGQUERY_GRPC_ENDPOINT'),
};
const SOURCES = Object.keys(TABLES).filter((table) =>
  TABLES[table]?.columns.some(({ name }) => name === 'customer_id'),
);
const MARTS = join(__dirname, '../../../dbt/models/marts');
const STAR_SCHEMA = readdirSync(MARTS)
  .filter((file) => file.endsWith('.sql'))
  .map((file) => file.replace('.sql', ''))
  .filter((model) => !readFileSync(join(MARTS, `${model}.sql`), 'utf8').includes("materialized='view'"))
  .filter((model) => readFileSync(join(MARTS, `${model}.yml`), 'utf8').includes('      - name: customer_id'));
const CUSTOMER_TABLES = [...SOURCES, ...STAR_SCHEMA];
const kafka = createKafka({ brokers: BROKERS.split(','), clientId: 'erasure-spec' });
const rows = new CustomerRows(
  createBigQuery({
    project: BIGQUERY.BIGQUERY_PROJECT,
    dataset: DATASET,
    location: 'US',
    apiEndpoint: BIGQUERY.BIGQUERY_API_ENDPOINT,
  }),
  DATASET,
);
const quoted = (text: string): string => `'${text}'`;

beforeAll(async () => {
  await rows.create();
  for (const table of CUSTOMER_TABLES) {
    for (const customer of [CUSTOMER, CUSTOMER, OTHER]) await rows.insert(table, { customer_id: quoted(customer) });
  }
  const letters: Readonly<Record<string, string>>[] = [
    { record_key: quoted(CUSTOMER), body: quoted(`{"customer_id":"${CUSTOMER}"}`) },
    { body: quoted(`broken ${CUSTOMER} {`) },
    { body_bytes: `b'\\xff${CUSTOMER}'` },
    { record_key_bytes: `b'\\xff${CUSTOMER}'` },
    { headers: quoted(`[{"name":"ce_subject","value":"${CUSTOMER}"}]`) },
  ];
  for (const letter of letters) await rows.insert('dead_letters', letter);
  await rows.insert('dead_letters', { record_key: quoted(OTHER), body: quoted(`{"customer_id":"${OTHER}"}`) });
  await rows.insert('dead_letters', { body: quoted('no customer') });
});

afterAll(() => rows.drop());

const erase = (desk: RunningConsole, customerId: string, key: string): Promise<Answer<ErasureDto>> =>
  desk.call('/admin/erasures', { method: 'POST', headers: { 'idempotency-key': key }, body: { customerId } });

/** Whatever was not of the customer, in every table. */
async function others(): Promise<Record<string, string[]>> {
  const found: Record<string, string[]> = {};
  for (const table of [...CUSTOMER_TABLES, 'dead_letters', 'catalog_events']) {
    found[table] = (await rows.rows(table)).filter((row) => !row.includes(CUSTOMER) && !row.includes('(erased)'));
  }
  return found;
}

it('erases a customer from every table, also of the star schema, leaves others untouched, and keeps the id nowhere', async () => {
  const desk = await RunningConsole.start(BIGQUERY);
  const untouched = await others();
  const key = randomUUID();
  const created = await waitUntil(
    async () => {
      const answer = await erase(desk, CUSTOMER, key);
      return answer.status === 503 ? undefined : answer;
    },
    { what: 'the erasures to open', deadlineMs: 60_000 },
  );
  const { id } = created.body;
  const receipt = (): Promise<ErasureDto> => desk.get(`/admin/erasures/${id}`, { role: 'viewer' });
  await waitUntil(async () => (await receipt()).state === 'finished', { what: 'the erasure', deadlineMs: 120_000 });

  for (const table of [...CUSTOMER_TABLES, 'dead_letters']) {
    expect((await rows.rows(table)).filter((row) => row.includes(CUSTOMER))).toEqual([]);
  }
  expect(await others()).toEqual(untouched);
  const { customer, steps } = await receipt();
  expect(customer).toBe(HASH);
  const tables = steps.filter(({ kind }) => kind === 'table');
  // The star schema is built from the others.
  expect(
    tables
      .slice(-STAR_SCHEMA.length)
      .map(({ name }) => name)
      .sort(),
  ).toEqual(STAR_SCHEMA);
  expect(tables.map(({ name, state, found, erased }) => [name, state, found, erased]).sort()).toEqual(
    [...CUSTOMER_TABLES.map((table) => [table, 'done', 2, 2]), ['dead_letters', 'done', 5, 5]].sort(),
  );
  const raw = steps.find(({ name }) => name === 'marketplace.orders.raw.v1.dlq.validator');
  expect(Date.parse(raw?.remainingUntil ?? '') - Date.now()).toBeGreaterThan(29 * 86_400_000);

  // Another console has the receipt, and a repetition changes nothing.
  expect(await desk.stop()).toBe(0);
  const second = await RunningConsole.start(BIGQUERY);
  const again = await waitUntil(
    async () => {
      const answer = await erase(second, CUSTOMER, key);
      return answer.status === 503 ? undefined : answer;
    },
    { what: 'the erasures to open again', deadlineMs: 60_000 },
  );
  expect(again).toMatchObject({ status: 200, body: { id, state: 'finished' } });
  expect(await erase(second, OTHER, key)).toMatchObject({
    status: 422,
    body: { type: expect.stringContaining('idempotency-key-reused') as string },
  });
  expect(await others()).toEqual(untouched);

  const audited: string[] = [];
  const range = { topic: AUDIT_TOPIC, partition: 0, from: 'beginning', until: 'end' } as const;
  await readPartition(kafka, range, ({ records }) => {
    for (const { value } of records) audited.push(value?.toString() ?? '');
  });
  expect(audited.filter((entry) => entry.includes(HASH) && entry.includes(id)).length).toBeGreaterThanOrEqual(3);
  const logged = [...desk.log.lines, ...second.log.lines].map((line) => JSON.stringify(line));
  expect([...audited, ...logged].filter((text) => text.includes(CUSTOMER))).toEqual([]);

  const post = (call: object) => second.call('/admin/erasures', { method: 'POST', ...call });
  const headers = { 'idempotency-key': randomUUID() };
  expect((await post({ headers, role: 'viewer', body: { customerId: CUSTOMER } })).status).toBe(403);
  expect((await post({ headers, body: { customerId: 'ann' } })).status).toBe(400);
  expect((await post({ body: { customerId: CUSTOMER } })).status).toBe(400);
  expect((await second.call('/admin/erasures/none')).status).toBe(404);
  expect(await second.stop()).toBe(0);
});
