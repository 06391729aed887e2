import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBigQuery } from '@orderstream/bigquery';

/**
 * A run that replaces the orders of three days is killed (SIGKILL) at a step and then resumed. The verdict is the content
 * of the tables: at any time all old rows or all new ones, in the end the new ones, and the days around as they were.
 */

const REPOSITORY = join(__dirname, '../../..');
const MAIN = join(REPOSITORY, 'dist/apps/batch-loader/src/main.js');
const KILL_AT = join(__dirname, 'kill-at.cjs');
const TEST_MS = 300_000;
/** The lease of a killed process ends after it. */
const LEASE_SECONDS = 8;
const AROUND = ['--from', '2026-01-01', '--to', '2026-01-09'];
const REPLACED = ['--from', '2026-01-04', '--to', '2026-01-06'];

const STEPS = [
  'generate_data/begun',
  'generate_data/wrote orders-00000.parquet',
  'generate_data/recorded',
  'quality_checks/begun',
  'quality_checks/wrote accepted.parquet',
  'quality_checks/recorded',
  'export_to_gbq/begun',
  'export_to_gbq/loaded the stage table',
  'export_to_gbq/checked the stage table',
  'export_to_gbq/replaced the range',
  'export_to_gbq/checked the range',
  'export_to_gbq/dropped the stage table',
  'export_to_gbq/recorded',
] as const;

const dataset = `batch_kills_${randomUUID().slice(0, 8)}`;
const project = process.env.TEST_BIGQUERY_PROJECT ?? '';
const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT ?? '';
const bigquery = createBigQuery({ project, dataset, location: 'US', apiEndpoint });
const folder = mkdtempSync(join(tmpdir(), 'orderstream-kills-'));

interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

function batch(args: readonly string[], killAt?: string): Promise<Ended> {
  const preload = killAt === undefined ? [] : ['--require', KILL_AT];
  const child = spawn(process.execPath, [...preload, MAIN, ...args], {
    env: {
      ...process.env,
      ...(killAt !== undefined && { KILL_AT: killAt }),
      BIGQUERY_PROJECT: project,
      BIGQUERY_DATASET: dataset,
      BIGQUERY_API_ENDPOINT: apiEndpoint,
      BIGQUERY_GRPC_ENDPOINT: process.env.TEST_BIGQUERY_GRPC_ENDPOINT,
      BATCH_STORE: join(folder, 'store'),
      BATCH_SCRATCH_DIR: join(folder, 'scratch'),
      BATCH_LEASE_SECONDS: String(LEASE_SECONDS),
      BATCH_RETRY_PAUSE_MS: '100',
    },
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      resolve({ code, signal, output });
    });
  });
}

async function query<T>(sql: string): Promise<T[]> {
  const [rows] = await bigquery.query({ query: sql, location: 'US' });
  return rows as T[];
}

/** Every row of these days, so that a row more, less or changed is seen. */
async function rowsOf(where: string): Promise<string> {
  const rows = await query(`select * from ${dataset}.raw_orders where ${where} order by order_id`);
  return JSON.stringify(rows);
}

const INSIDE = "order_placed_at >= timestamp '2026-01-04' and order_placed_at < timestamp '2026-01-07'";
const OUTSIDE = `not (${INSIDE})`;

/** Resumes the run as soon as the lease of the killed process has ended. */
async function resume(runId: string): Promise<Ended> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const ended = await batch(['runs', 'resume', runId]);
    if (!ended.output.includes('BATCH_RANGE_LOCKED')) return ended;
    if (performance.now() > endMs) throw new Error(`the lease does not end: ${ended.output}`);
  }
}

describe('a run that is killed', () => {
  let seed = 1;
  let before = '';
  let around = '';

  beforeAll(async () => {
    const first = await batch([...AROUND, '--rows', '900', '--seed', '1']);
    expect([first.code, first.output]).toEqual([0, expect.any(String)]);
    around = await rowsOf(OUTSIDE);
    before = await rowsOf(INSIDE);
    expect(JSON.parse(around)).not.toHaveLength(0);
  }, TEST_MS);
  afterAll(async () => {
    rmSync(folder, { recursive: true });
    await bigquery.dataset(dataset).delete({ force: true });
  });

  it.each(STEPS)(
    'at %s leaves the old days or the new ones, and is resumed to the new ones',
    async (step) => {
      seed++;
      const scheduledAt = `2026-02-01T00:00:${String(seed).padStart(2, '0')}Z`;
      const runId = `load_20260201t0000${String(seed).padStart(2, '0')}z_20260104_20260106`;
      const args = [...REPLACED, '--rows', '300', '--seed', String(seed), '--scheduled-at', scheduledAt];
      const killed = await batch(args, step);
      expect([killed.signal, killed.output]).toEqual(['SIGKILL', expect.any(String)]);
      const between = await rowsOf(INSIDE);
      expect(await rowsOf(OUTSIDE)).toBe(around);
      const resumed = await resume(runId);
      expect([resumed.code, resumed.output]).toEqual([0, expect.any(String)]);
      const after = await rowsOf(INSIDE);
      expect(after).not.toBe(before);
      expect(JSON.parse(after)).not.toHaveLength(0);
      expect([before, after]).toContain(between);
      expect(await rowsOf(OUTSIDE)).toBe(around);
      // The history has each event once, and the run is over.
      const events = await query<{ event: number; state: string }>(
        `select event, state from ${dataset}.pipeline_runs where run_id = '${runId}' order by event`,
      );
      expect(events.map(({ event }) => event)).toEqual(events.map((_, index) => index));
      expect(events.at(-1)?.state).toBe('succeeded');
      const stage = await bigquery.dataset(dataset).table(`raw_orders_stage_${runId}`).exists();
      expect(stage[0]).toBe(false);
      // A second start for the same time does nothing.
      expect(await batch(args)).toMatchObject({ code: 0 });
      expect(await rowsOf(INSIDE)).toBe(after);
      before = after;
    },
    TEST_MS,
  );
});
