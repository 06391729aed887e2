import { randomUUID } from 'node:crypto';
import { AUDIT_TOPIC } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka, RecordProducer } from '@orderstream/kafka';
import { freePort } from '../../../test/support/free-port';
import { type AuditPageDto } from '../src/audit/audit.dto';
import { type OverviewDto } from '../src/overview/overview.dto';
import { BROKERS, RunningConsole } from './running-console';

jest.setTimeout(120_000);

const ACTOR = `actor-${randomUUID().slice(0, 8)}`;
const producer = new RecordProducer(createKafka({ brokers: BROKERS.split(','), clientId: 'audit-spec' }), {
  maxRequestBytes: 1_000_000,
});

beforeAll(() => producer.connect());
afterAll(() => producer.disconnect());

it('shows a service that is down, and the others with their figures', async () => {
  const seen = await RunningConsole.start();
  const nowhere = `http://127.0.0.1:${String(await freePort())}`;
  const desk = await RunningConsole.start({
    SERVICE_URLS: JSON.stringify({ console: seen.url, validator: nowhere }),
    SERVICE_TOKEN: 'token-of-a-viewer',
  });
  const { services } = await desk.get<OverviewDto>('/admin/overview', { role: 'viewer' });
  expect(services).toMatchObject([
    { name: 'console', state: 'ready', status: { state: 'running' } },
    { name: 'validator', url: nowhere, state: 'unreachable' },
  ]);
  expect(services[1]?.error).toContain('ECONNREFUSED');
  await Promise.all([seen.stop(), desk.stop()]);
});

it('lists the audit, the latest first, over pages without a gap while entries are added', async () => {
  const write = (entries: readonly (object | string)[]): Promise<unknown> =>
    producer.send(
      entries.map((entry) => ({
        ...{ topic: AUDIT_TOPIC, partition: 0, key: null, headers: {} },
        value: Buffer.from(typeof entry === 'string' ? entry : JSON.stringify(entry)),
      })),
    );
  const entry = (number: number): object => ({
    at: new Date(Date.UTC(2026, 2, 1) + number * 60_000).toISOString(),
    ...{ actor: ACTOR, role: 'operator', action: number % 2 === 0 ? 'POST /admin/pause' : 'PUT /admin/rules' },
    ...{
      subject: `s${String(number)}`,
      before: null,
      after: { number },
      requestId: 'r',
      status: 200,
      service: 'validator',
    },
  });
  const desk = await RunningConsole.start();
  await write([...Array.from({ length: 2_500 }, (_, number) => entry(number)), 'not JSON', '{"at": "x"}']);
  const list = (query: string): Promise<AuditPageDto> =>
    desk.get<AuditPageDto>(`/admin/audit?actor=${ACTOR}${query}`, { role: 'viewer' });
  const subjects: unknown[] = [];
  for (let cursor = ''; ;) {
    const page = await list(`&limit=300${cursor}`);
    subjects.push(...page.entries.map(({ subject }) => subject));
    if (subjects.length < 1_000) await write([entry(9_000 + subjects.length)]);
    if (page.next === undefined) break;
    cursor = `&cursor=${page.next}`;
  }
  expect(subjects).toEqual(Array.from({ length: 2_500 }, (_, at) => `s${String(2_499 - at)}`));

  const hour = await list('&action=PUT&from=2026-03-01T01:00:00Z&to=2026-03-01T02:00:00Z&limit=1000');
  expect(hour.entries.map(({ subject }) => subject)).toEqual(
    Array.from({ length: 30 }, (_, at) => `s${String(119 - 2 * at)}`),
  );
  expect(hour.entries[0]).toMatchObject({ action: 'PUT /admin/rules', after: { number: 119 }, service: 'validator' });

  const { next = '' } = await list('&limit=1');
  const { status, body } = await desk.call(`/admin/audit?actor=another&cursor=${next}`);
  expect([status, body]).toMatchObject([400, { type: 'urn:orderstream:problem:cursor-rejected' }]);
  await desk.stop();
});

it('lists a command once, with its outcome, and one without an outcome as begun, over pages of any size', async () => {
  const actor = `twice-${randomUUID().slice(0, 8)}`;
  const at = '2026-03-02T00:00:00.000Z';
  const entry = (service: string, requestId: string, status: number): string =>
    JSON.stringify({
      at,
      actor,
      role: 'operator',
      action: 'POST /admin/x',
      subject: service,
      service,
      requestId,
      status,
    });
  const entries = [
    entry('validator', 'a', 102),
    entry('bq-sink', 'killed', 102),
    entry('validator', 'a', 200),
    // The caller uses one id for three commands; the second was killed.
    ...[entry('bq-sink', 'same', 102), entry('bq-sink', 'same', 409)],
    entry('bq-sink', 'same', 102),
    ...[entry('pubsub-bridge', 'same', 102), entry('pubsub-bridge', 'same', 200)],
    entry('order-generator', 'after', 200),
  ];
  await producer.send(
    entries.map((text) => ({ topic: AUDIT_TOPIC, partition: 0, key: null, headers: {}, value: Buffer.from(text) })),
  );
  const desk = await RunningConsole.start();
  for (const limit of [1, 2, 3, 100]) {
    const listed: string[] = [];
    for (let cursor = ''; ;) {
      const page = await desk.get<AuditPageDto>(`/admin/audit?actor=${actor}&limit=${String(limit)}${cursor}`);
      listed.push(
        ...page.entries.map(
          ({ service, requestId, status }) => `${service ?? ''} ${requestId ?? ''} ${String(status)}`,
        ),
      );
      if (page.next === undefined) break;
      cursor = `&cursor=${page.next}`;
    }
    expect([limit, listed]).toEqual([
      limit,
      [
        ...['order-generator after 200', 'pubsub-bridge same 200', 'bq-sink same 102', 'bq-sink same 409'],
        ...['validator a 200', 'bq-sink killed 102'],
      ],
    ]);
  }
  await desk.stop();
});

it('audits the commands of the console itself', async () => {
  const desk = await RunningConsole.start();
  const requestId = `r-${randomUUID()}`;
  const { status } = await desk.call('/admin/replays/none/pause', {
    method: 'POST',
    headers: { 'x-request-id': requestId },
  });
  expect([404, 503]).toContain(status);
  const listed = await waitUntil(
    async () => {
      const { entries } = await desk.get<AuditPageDto>('/admin/audit?action=POST /admin/replays/none&limit=1');
      return entries[0]?.requestId === requestId && entries[0].status !== 102 && entries[0];
    },
    { what: 'the entry of the command', deadlineMs: 20_000 },
  );
  expect(listed).toMatchObject({ actor: 'bob', service: 'console', subject: 'replay.none', status });
  await desk.stop();
});
