import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createBigQuery, ensureDataset, ensureTables } from '@orderstream/bigquery';
import { TABLES } from '@orderstream/contracts';
import { waitUntil } from '@orderstream/deadlines';
import { ChecksStep } from '../src/daily/checks-step';
import { type StepContext } from '../src/daily/daily-job';

/**
 * The daily run as a process, against the BigQuery emulator. dbt is replaced by a program that builds the daily aggregate
 * alone: test/dbt runs dbt itself.
 */

const REPOSITORY = join(__dirname, '../../..');
const MAIN = join(REPOSITORY, 'dist/apps/batch-loader/src/main.js');
const FAKE_DBT = join(__dirname, 'fake-dbt.cjs');
const TEST_MS = 120_000;
/** Long enough for a machine under load to renew it. */
const LEASE_SECONDS = 6;
const DAY_MS = 86_400_000;
const TOKEN = 'token-of-the-test';

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
const YESTERDAY = dayOf(Date.now() - DAY_MS);
const TODAY = dayOf(Date.now());

const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT ?? '';
const folder = mkdtempSync(join(tmpdir(), 'orderstream-daily-'));
const stateFile = join(folder, 'fake-dbt.json');

interface FakeDbt {
  readonly calls?: readonly string[];
  readonly failures?: number;
  readonly hangs?: boolean;
  readonly adds?: string;
  readonly interrupted?: boolean;
  readonly secret?: string | null;
}
const setDbt = (state: FakeDbt): void => writeFileSync(stateFile, JSON.stringify(state));
const dbt = (): FakeDbt => JSON.parse(readFileSync(stateFile, 'utf8')) as FakeDbt;

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('the daily run', () => {
  const datasets: string[] = [];
  let dataset: string;
  let hook: Server;
  let hooked: string[];
  const children: ChildProcess[] = [];

  const bigqueryOf = (name: string) => createBigQuery({ project, dataset: name, location: 'US', apiEndpoint });

  beforeAll(async () => {
    hook = createServer((request, response) => {
      void text(request).then((body) => {
        hooked.push(body);
        response.end();
      });
    });
    await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  });
  beforeEach(async () => {
    dataset = `daily_${randomUUID().slice(0, 8)}`;
    datasets.push(dataset);
    hooked = [];
    setDbt({});
    await ensureTables(await ensureDataset(bigqueryOf(dataset), dataset, 'US'), Object.values(TABLES));
  });
  afterEach(() => {
    // After a failure.
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });
  afterAll(async () => {
    hook.close();
    rmSync(folder, { recursive: true, force: true });
    for (const name of datasets) await bigqueryOf(name).dataset(name).delete({ force: true });
  });

  const envOf = (extra: NodeJS.ProcessEnv): NodeJS.ProcessEnv => ({
    PATH: process.env.PATH,
    METADATA_SERVER_DETECTION: 'none',
    BIGQUERY_PROJECT: project,
    BIGQUERY_DATASET: dataset,
    BIGQUERY_API_ENDPOINT: apiEndpoint,
    BIGQUERY_GRPC_ENDPOINT: process.env.TEST_BIGQUERY_GRPC_ENDPOINT,
    KAFKA_BROKERS: process.env.TEST_KAFKA_BROKERS,
    BATCH_STORE: join(folder, dataset),
    BATCH_SCRATCH_DIR: join(folder, 'scratch'),
    BATCH_LEASE_SECONDS: String(LEASE_SECONDS),
    BATCH_RETRY_PAUSE_MS: '50',
    DAILY_DBT: `${process.execPath} ${FAKE_DBT}`,
    FAKE_DBT: stateFile,
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${String((hook.address() as AddressInfo).port)}/hook`,
    ...extra,
  });

  function start(
    args: readonly string[],
    extra: NodeJS.ProcessEnv = {},
  ): { child: ChildProcess; output: { readonly stdout: string; readonly stderr: string }; ended: Promise<Ended> } {
    const child = spawn(process.execPath, [MAIN, ...args], { env: envOf(extra) });
    children.push(child);
    const output = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code, ...output });
      });
    });
    return { child, output, ended };
  }
  const daily = (args: readonly string[] = [], extra: NodeJS.ProcessEnv = {}): Promise<Ended> =>
    start(['daily', '--rows', '300', ...args], extra).ended;
  const buildBegins = (): Promise<unknown> =>
    waitUntil(() => (dbt().calls ?? []).length > 0, { what: 'the build to begin', deadlineMs: 60_000 });

  async function rowsOf(table: string): Promise<Record<string, unknown>[]> {
    const [rows] = await bigqueryOf(dataset).query(`select * from ${dataset}.${table}`);
    return rows as Record<string, unknown>[];
  }

  it(
    'loads yesterday, builds and checks; a second start on the same day does nothing, and says so',
    async () => {
      const first = await daily();
      expect([first.code, first.stderr]).toEqual([
        0,
        expect.stringMatching(/checks succeeded: orders_daily_agg equals/),
      ]);
      const orders = await rowsOf('raw_orders');
      expect(orders.length).toBeGreaterThan(200);
      const days = orders.map((row) => (row.order_placed_at as { value: string }).value.slice(0, 10));
      expect(new Set(days)).toEqual(new Set([YESTERDAY]));
      expect(dbt()).toMatchObject({ calls: ['build --exclude-resource-type unit_test'], secret: null });

      const second = await daily();
      expect([second.code, second.stderr]).toEqual([0, expect.stringContaining('has succeeded before')]);
      expect(dbt().calls).toHaveLength(1);
      const other = await daily(['--scheduled-at', `${TODAY}T00:00:01Z`]);
      expect([other.code, other.stderr]).toEqual([0, expect.any(String)]);
      expect(dbt().calls).toHaveLength(2);
      expect(hooked).toEqual([]);
    },
    TEST_MS,
  );

  it(
    'fails when the aggregate is a cent off: exit code, one line at error level, webhook; the next start builds again',
    async () => {
      setDbt({ adds: '0.01' });
      const failed = await daily();
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('DAILY_CHECK_FAILED')]);
      const errors = failed.stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as { level: string; step?: string; error?: string })
        .filter(({ level }) => level === 'error');
      expect(errors).toEqual([
        expect.objectContaining({ step: 'checks', error: expect.stringContaining(`on 1 of 1 days: ${YESTERDAY}`) }),
      ]);
      expect(hooked).toHaveLength(1);
      expect(JSON.parse(hooked[0] ?? '')).toMatchObject({
        run: { state: 'failed', steps: { checks: { attempt: 4 } } },
      });
      setDbt({});
      expect(await daily()).toMatchObject({ code: 0 });
      expect(dbt().calls).toHaveLength(1);
    },
    TEST_MS,
  );

  it(
    'retries what has failed in dbt three times, and resumes at the build',
    async () => {
      setDbt({ failures: 4 });
      const failed = await daily();
      expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining('unique_fact_orders_order_id')]);
      expect(dbt().calls).toEqual(['build --exclude-resource-type unit_test', 'retry', 'retry', 'retry']);
      const resumed = await daily();
      expect([resumed.code, resumed.stderr]).toEqual([0, expect.not.stringContaining('load succeeded')]);
      expect(dbt().calls).toHaveLength(5);
    },
    TEST_MS,
  );

  it(
    'that is killed is resumed by the next start, at the step in which it was',
    async () => {
      setDbt({ hangs: true });
      const { child, ended } = start(['daily', '--rows', '300']);
      await buildBegins();
      child.kill('SIGKILL');
      await ended;
      setDbt({});
      const resumed = await daily();
      expect([resumed.code, resumed.stderr]).toEqual([0, expect.not.stringContaining('load succeeded')]);
      expect(dbt().calls).toHaveLength(1);
    },
    TEST_MS,
  );

  it(
    'rejects a second one at the same time, and SIGTERM ends dbt and the run, which is resumed',
    async () => {
      setDbt({ hangs: true });
      const { child, ended } = start(['daily', '--rows', '300']);
      await buildBegins();
      const second = await daily();
      expect([second.code, second.stderr]).toEqual([1, expect.stringContaining('DAILY_LOCKED')]);
      child.kill('SIGTERM');
      const stopped = await ended;
      expect([stopped.code, stopped.stderr]).toEqual([1, expect.stringContaining('The next start resumes it')]);
      expect(dbt()).toMatchObject({ calls: ['build --exclude-resource-type unit_test'], interrupted: true });
      expect(hooked).toEqual([]);
      setDbt({});
      expect(await daily()).toMatchObject({ code: 0 });
    },
    TEST_MS,
  );

  it(
    'goes on with the run of an execution of Cloud Run, also on the next day',
    async () => {
      setDbt({ failures: 4 });
      const execution = { CLOUD_RUN_EXECUTION: 'daily-x7k2p' };
      const scheduledAt = `${TODAY}T00:00:00Z`;
      const failed = await daily([], { ...execution, CLOUD_RUN_TASK_ATTEMPT: '0', DAILY_SCHEDULED_AT: scheduledAt });
      expect(failed.code).toBe(1);
      const later = await daily([], {
        ...execution,
        CLOUD_RUN_TASK_ATTEMPT: '1',
        DAILY_SCHEDULED_AT: `${YESTERDAY}T00:00:00Z`,
      });
      expect([later.code, later.stderr]).toEqual([
        0,
        expect.stringContaining(`daily_${TODAY.replaceAll('-', '')}t000000z`),
      ]);
      const listed = await start(['daily', 'list']).ended;
      expect(listed.stderr.trim().split('\n')).toEqual([expect.stringContaining('succeeded')]);
    },
    TEST_MS,
  );

  it(
    'is started by the schedule of the service, once for each time, and its status says when the next one is',
    async () => {
      const sha256 = createHash('sha256').update(TOKEN).digest('hex');
      const service = {
        BATCH_SCHEDULE: '0 0 * * *',
        HTTP_PORT: '0',
        ADMIN_TOKENS: JSON.stringify([{ name: 'test', role: 'viewer', sha256 }]),
      };
      for (const starts of [1, 2]) {
        const { child, ended } = start(['serve'], service);
        let log = '';
        child.stdout?.on('data', (chunk: Buffer) => (log += chunk.toString()));
        const url = await waitUntil(() => /"url":"(http:[^"]+)"/.exec(log)?.[1], {
          what: 'the service to listen',
          deadlineMs: 60_000,
        });
        const status = await waitUntil(
          async () => {
            const response = await fetch(`${url}/admin/daily`, { headers: { authorization: `Bearer ${TOKEN}` } });
            const body = (await response.json()) as { runs: { state: string }[] };
            return body.runs[0]?.state === 'succeeded' && body;
          },
          { what: 'the run to succeed', deadlineMs: 60_000 },
        );
        expect(status).toMatchObject({
          schedule: '0 0 * * *',
          nextRun: `${dayOf(Date.now() + DAY_MS)}T00:00:00.000Z`,
          runs: [{ plan: { scheduledAt: `${TODAY}T00:00:00Z`, range: { from: YESTERDAY, to: TODAY } } }],
        });
        await waitUntil(
          async () => (await (await fetch(`${url}/metrics`)).text()).includes('orderstream_daily_run_last_success'),
          { what: 'the metric', deadlineMs: 10_000 },
        );
        // Of the first start; the second one runs nothing.
        const exported = 'orderstream_batch_blocks_total{block="export_to_gbq",state="succeeded"';
        expect((await (await fetch(`${url}/metrics`)).text()).includes(exported)).toBe(starts === 1);
        child.kill('SIGTERM');
        expect([starts, (await ended).code]).toEqual([starts, 0]);
      }
      expect(dbt().calls).toHaveLength(1);
    },
    TEST_MS,
  );

  /** The service with a schedule, and a first run of 40 days. */
  const serve = (schedule: string) =>
    start(['serve'], {
      BATCH_SCHEDULE: schedule,
      BATCH_FIRST_DAYS: '40',
      BATCH_PARTITION: 'range',
      HTTP_PORT: '0',
      ADMIN_TOKENS: JSON.stringify([
        { name: 'test', role: 'viewer', sha256: createHash('sha256').update(TOKEN).digest('hex') },
      ]),
    });
  const succeededRuns = async (): Promise<string[]> => {
    const { stderr } = await start(['daily', 'list']).ended;
    return stderr.split('\n').filter((line) => line.includes('  succeeded  '));
  };

  it(
    'loads a history by the first run of the schedule, which goes on after a kill and beyond its time, and one day by the next',
    async () => {
      setDbt({ hangs: true });
      const killed = serve('0 0 * * *');
      await buildBegins();
      killed.child.kill('SIGKILL');
      await killed.ended;
      setDbt({});
      // The latest time is another one by now.
      const { child, ended } = serve('* * * * *');
      const runs = await waitUntil(
        async () => {
          const lines = await succeededRuns();
          return lines.length > 1 && lines;
        },
        { what: 'two runs to succeed', deadlineMs: 100_000, intervalMs: 500 },
      );
      child.kill('SIGTERM');
      expect((await ended).code).toBe(0);
      const from = dayOf(Date.now() - 40 * DAY_MS);
      // The latest time first.
      expect(runs.slice(-2)).toEqual([
        expect.stringContaining(`  ${YESTERDAY} to ${YESTERDAY}  `),
        expect.stringContaining(`  ${from} to ${YESTERDAY}  `),
      ]);
      expect(dbt().calls?.slice(0, 2)).toEqual([
        expect.stringContaining(`"from":"${from}","to":"${YESTERDAY}"`),
        'build --exclude-resource-type unit_test',
      ]);
      const [loaded] = await bigqueryOf(dataset).query(
        `select count(distinct date(order_placed_at)) as days from ${dataset}.raw_orders`,
      );
      expect(loaded).toEqual([{ days: 40 }]);
    },
    TEST_MS,
  );

  it(
    'loads no history over orders that are there',
    async () => {
      const day = dayOf(Date.now() - 30 * DAY_MS);
      expect((await start(['--from', day, '--to', day, '--rows', '20']).ended).code).toBe(0);
      const loaded = await rowsOf('raw_orders');
      const { child, ended } = serve('0 0 * * *');
      const runs = await waitUntil(
        async () => {
          const lines = await succeededRuns();
          return lines.length > 0 && lines;
        },
        { what: 'the first run to succeed', deadlineMs: 60_000, intervalMs: 500 },
      );
      child.kill('SIGTERM');
      await ended;
      expect(runs).toEqual([expect.stringContaining(`  ${YESTERDAY} to ${YESTERDAY}  `)]);
      expect(await rowsOf('raw_orders')).toEqual(expect.arrayContaining(loaded));
    },
    TEST_MS,
  );

  it(
    'runs another command of dbt in the same warehouse, and a daily run waits for its end',
    async () => {
      setDbt({ hangs: true });
      const command = start(['dbt', 'build', '--select', 'fact_orders']);
      await buildBegins();
      expect(dbt().calls).toEqual(['build --select fact_orders']);
      const second = await start(['dbt', 'build']).ended;
      expect([second.code, second.stdout]).toEqual([1, expect.stringContaining('DAILY_LOCKED')]);
      setDbt({});
      const waiting = start(['daily', '--rows', '300']);
      await waitUntil(() => waiting.output.stderr.includes('Waits for a command of dbt.'), {
        what: 'the daily run to wait',
        deadlineMs: 60_000,
      });
      expect(dbt().calls).toBeUndefined();
      command.child.kill('SIGTERM');
      expect((await command.ended).stdout).toContain('stopped by SIGTERM');
      expect((await waiting.ended).code).toBe(0);
    },
    TEST_MS,
  );

  it(
    'compares each order once: that of the stream before that of the batch, and no day of which orders still arrive',
    async () => {
      const bigquery = bigqueryOf(dataset);
      const order = (id: string, day: string, price: string): object => ({
        order_id: id,
        order_placed_at: `${day}T10:00:00Z`,
        vendor_id: 'v',
        vendor_name: 'V',
        vendor_address: 'A',
        vendor_vertical: 'Books',
        customer_id: 'c',
        customer_registered_at: '2025-01-01T00:00:00Z',
        item_sku: 's',
        item_name: 'S',
        item_price: price,
        item_quantity: 2,
      });
      const event = (id: string, day: string, price: string, arrived: string): object => ({
        ...order(id, day, price),
        event_id: id,
        event_source: '/test',
        event_type: 'order.placed',
        occurred_at: `${day}T10:00:00Z`,
        _kafka_topic: 'marketplace.orders.validated.v1',
        _kafka_partition: 0,
        _kafka_timestamp: arrived,
        _kafka_offset: 1,
      });
      const insert = (table: string, rows: object[]): Promise<unknown> =>
        bigquery.dataset(dataset).table(table).insert(rows);
      await insert('raw_orders', [order('both', '2026-01-01', '1.00'), order('batch', '2026-01-01', '2.00')]);
      await insert('order_events', [
        event('both', '2026-01-01', '1.50', '2026-01-01T10:00:00Z'),
        event('stream', '2026-01-01', '4.00', '2026-01-01T10:00:00Z'),
        event('late', '2026-01-02', '9.00', '2026-01-03T02:00:00Z'),
      ]);
      await bigquery.query(
        `create table ${dataset}.orders_daily_agg as select date '2026-01-01' as order_date, 'v' as vendor_id, 3 as total_orders, cast('15' as numeric) as total_value`,
      );
      const step = new ChecksStep(bigquery, dataset);
      const plan = { scheduledAt: '', range: { from: '2026-01-01', to: '2026-01-03' }, isBackfill: true, runs: [] };
      const context = (buildAt: string): StepContext => ({
        run: {
          id: 'daily',
          plan,
          state: 'running',
          createdAt: '',
          startedBy: [],
          steps: { build: { attempt: 1, state: 'succeeded', startedAt: buildAt } },
        },
        tries: 0,
        signal: new AbortController().signal,
      });
      expect(await step.run(context('2026-01-03T01:00:00Z'))).toMatch(/equals the raw tables.*, 1 not compared/);
      // Had the late order arrived before the build, the aggregate would lack it.
      await expect(step.run(context('2026-01-03T03:00:00Z'))).rejects.toThrow(
        '2026-01-02: no orders instead of 1 orders of 18',
      );
    },
    TEST_MS,
  );
});
