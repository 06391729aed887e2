import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';
import { AUDIT_TOPIC } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { createKafka } from '@orderstream/kafka';
import { createLogger } from '@orderstream/observability';
import { runService } from '@orderstream/service';
import { FakeProcess, LogLines, OPERATOR, TOKENS, VIEWER } from '../../../test/support/fake-process';
import { readCommitted } from '../../../test/support/read-committed';
import { batchLoaderDefinition } from '../src/batch-loader.definition';
import { type RunDto } from '../src/control/run-view.dto';

/** The service with its broker and its warehouse. */

const dataset = `batch_service_${randomUUID().slice(0, 8)}`;
const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT ?? '';
const bigquery = createBigQuery({ project, dataset, location: 'US', apiEndpoint });
const folder = mkdtempSync(join(tmpdir(), 'orderstream-batch-service-'));
const RUN_MS = 60_000;
const RANGE = { from: '2026-01-01', to: '2026-02-28', rows: 400, scheduledAt: '2026-03-01T02:00:00Z' };
const JANUARY = 'load_20260301t020000z_20260101_20260131';
const FEBRUARY = 'load_20260301t020000z_20260201_20260228';

interface Answer<T> {
  readonly status: number;
  readonly body: T;
  readonly requestId: string;
}

describe('the batch loader as a service', () => {
  let host: FakeProcess;
  let url: string;

  const start = async (): Promise<void> => {
    host = new FakeProcess();
    const log = new LogLines();
    await runService(batchLoaderDefinition(), {
      env: {
        HTTP_PORT: '0',
        ADMIN_TOKENS: TOKENS,
        KAFKA_BROKERS: process.env.TEST_KAFKA_BROKERS,
        BIGQUERY_PROJECT: project,
        BIGQUERY_DATASET: dataset,
        BIGQUERY_API_ENDPOINT: apiEndpoint,
        BIGQUERY_GRPC_ENDPOINT: process.env.TEST_BIGQUERY_GRPC_ENDPOINT,
        BATCH_STORE: join(folder, 'store'),
        BATCH_SCRATCH_DIR: join(folder, 'scratch'),
        BATCH_LEASE_SECONDS: '5',
      },
      host,
      logger: createLogger({ service: 'batch-loader', level: 'info', destination: log }),
    });
    url = await log.url();
  };
  const stop = async (): Promise<number> => {
    host.emit('SIGTERM', 'SIGTERM');
    return host.exited.promise;
  };
  beforeAll(start, RUN_MS);
  afterAll(async () => {
    await stop();
    rmSync(folder, { recursive: true });
    await bigquery.dataset(dataset).delete({ force: true });
  });

  async function call<T>(method: string, path: string, body?: object, token = OPERATOR): Promise<Answer<T>> {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    return {
      status: response.status,
      body: (await response.json()) as T,
      requestId: response.headers.get('x-request-id') ?? '',
    };
  }
  const show = async (id: string): Promise<RunDto> => (await call<RunDto>('GET', `/admin/runs/${id}`)).body;
  const ended = async (id: string): Promise<RunDto> => {
    await waitUntil(async () => !['waiting', 'running'].includes((await show(id)).state), {
      what: `the end of ${id}`,
      deadlineMs: RUN_MS,
    });
    return show(id);
  };
  const countOf = async (table: string): Promise<number> => {
    const [rows] = await bigquery.query({ query: `select count(*) as n from ${dataset}.${table}`, location: 'US' });
    return (rows as { n: number }[])[0]?.n ?? NaN;
  };

  it('starts a run for each month, and shows how they went', async () => {
    const started = await call<{ runs: RunDto[] }>('POST', '/admin/runs', RANGE);
    expect(started.status).toBe(202);
    expect(started.body.runs.map(({ id }) => id)).toEqual([JANUARY, FEBRUARY]);
    // What waits can be seen.
    expect(await show(FEBRUARY)).toMatchObject({ state: 'waiting', from: '2026-02-01', to: '2026-02-28', blocks: [] });
    const runs = [await ended(JANUARY), await ended(FEBRUARY)];
    expect(runs.map(({ state }) => state)).toEqual(['succeeded', 'succeeded']);
    expect(runs[0]?.blocks.map(({ block, state }) => `${block} ${state}`)).toEqual([
      'generate_data succeeded',
      'quality_checks succeeded',
      'export_to_gbq succeeded',
    ]);
    const loaded = runs.reduce((sum, { blocks }) => sum + (blocks.at(-1)?.rowsOut ?? 0), 0);
    expect(loaded).toBeGreaterThan(300);
    expect(await countOf('raw_orders')).toBe(loaded);
    const { body } = await call<{ runs: RunDto[] }>('GET', '/admin/runs?limit=1', undefined, VIEWER);
    expect(body.runs).toHaveLength(1);
    // The end of a run is recorded before the next one may start.
    const status = () => call<{ state: string }>('GET', '/admin/status');
    await waitUntil(async () => (await status()).body.state === 'idle', {
      what: 'an idle service',
      deadlineMs: RUN_MS,
    });
    expect((await status()).body).toMatchObject({ waiting: [], last: { id: FEBRUARY, state: 'succeeded' } });
  }, 120_000);

  it('starts nothing a second time, and rejects the same runs with other settings', async () => {
    const events = await countOf('pipeline_runs');
    const again = await call<{ runs: RunDto[] }>('POST', '/admin/runs', RANGE);
    expect([again.status, again.body.runs.map(({ state }) => state)]).toEqual([200, ['succeeded', 'succeeded']]);
    expect(await countOf('pipeline_runs')).toBe(events);
    expect(await call('POST', '/admin/runs', { ...RANGE, rows: 401 })).toMatchObject({
      status: 409,
      body: { code: 'BATCH_RUN_REJECTED', detail: expect.stringContaining('exists with other settings') as string },
    });
  });

  it.each([
    [{ ...RANGE, from: '2026-02-30' }, 400, /from is a day such as 2026-01-31, not 2026-02-30/],
    [{ ...RANGE, to: '2999-01-01' }, 400, /has not ended yet/],
    [{ ...RANGE, scenario: 'unknown' }, 400, /There is no scenario unknown/],
    [{ ...RANGE, from: 'x' }, 400, /./],
    [{ ...RANGE, more: 1 }, 400, /./],
    [{ ...RANGE, from: '2020-01-01', partition: 'day' }, 409, /at most 100 can/],
  ])('rejects %j', async (body, status, detail) => {
    expect(await call('POST', '/admin/runs', body)).toMatchObject({
      status,
      body: { detail: expect.stringMatching(detail) as string },
    });
  });

  it('lets a viewer read, and nothing more', async () => {
    expect((await call('GET', `/admin/runs/${JANUARY}`, undefined, VIEWER)).status).toBe(200);
    expect((await call('POST', '/admin/runs', RANGE, VIEWER)).status).toBe(403);
    expect((await call('POST', `/admin/runs/${JANUARY}/cancel`, {}, VIEWER)).status).toBe(403);
    expect((await call('POST', '/admin/runs/load_none/resume', {})).status).toBe(404);
    expect((await call('POST', `/admin/runs/${JANUARY}/cancel`, {})).status).toBe(409);
  });

  it('stops in the middle of a run, which is resumed or cancelled after the next start, and audits every command', async () => {
    const long = { from: '2025-01-01', to: '2025-01-31', rows: 300_000, scheduledAt: '2026-03-01T03:00:00Z' };
    const id = 'load_20260301t030000z_20250101_20250131';
    const started = await call('POST', '/admin/runs', long);
    expect(started.status).toBe(202);
    await waitUntil(async () => (await show(id)).state === 'running', { what: 'the run', deadlineMs: RUN_MS });
    expect(await stop()).toBe(0);
    await start();
    expect(await show(id)).toMatchObject({ state: 'failed', error: 'the service stops' });
    expect((await call('POST', `/admin/runs/${id}/resume`, {})).status).toBe(202);
    await waitUntil(async () => (await show(id)).state === 'running', { what: 'the run', deadlineMs: RUN_MS });
    expect((await show(id)).interrupted).toBeUndefined();
    const cancelled = await call('POST', `/admin/runs/${id}/cancel`, {});
    expect(cancelled.status).toBe(200);
    expect(await ended(id)).toMatchObject({ state: 'cancelled' });
    expect((await call('POST', `/admin/runs/${id}/resume`, {})).status).toBe(409);

    expect(await auditOf(started.requestId)).toEqual([
      expect.objectContaining({ action: 'POST /admin/runs', status: 102, after: long }),
      expect.objectContaining({ subject: `run.${id}`, status: 202 }),
    ]);
    expect((await auditOf(cancelled.requestId)).at(-1)).toMatchObject({
      subject: `run.${id}`,
      status: 200,
      before: { state: 'running' },
    });
  }, 120_000);
});

type Entry = Readonly<Record<string, unknown>>;

/** The entries of a request: before it, and its outcome, which is written behind it. */
async function auditOf(requestId: string): Promise<Entry[]> {
  const kafka = createKafka(
    { brokers: [process.env.TEST_KAFKA_BROKERS ?? ''], clientId: 'batch-spec' },
    createLogger({ service: 'batch-spec', level: 'info', destination: new LogLines() }),
  );
  const read = async (): Promise<Entry[]> => {
    const { records } = await readCommitted(kafka, { topic: AUDIT_TOPIC, partition: 0 });
    const own = records.map(({ value }) => String(value)).filter((text) => text.includes(requestId));
    return own.map((text) => JSON.parse(text) as Entry);
  };
  await waitUntil(async () => (await read()).length === 2, { what: 'the outcome', deadlineMs: RUN_MS });
  return read();
}
