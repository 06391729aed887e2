import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createBigQuery } from '@orderstream/bigquery';

const REPOSITORY = join(__dirname, '../../..');
const MAIN = join(REPOSITORY, 'dist/apps/batch-loader/src/main.js');
const AT_STEP = join(__dirname, 'kill-at.cjs');
const LEASE_ENDS_MS = 60_000;
const STOPPED_MS = 120_000;

/** The lease of a killed process ends after it. */
export const LEASE_SECONDS = 8;
export const BATCH_TEST_MS = 300_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** For a message that shows why a process ended otherwise. */
export const textOf = ({ code, signal, output }: Ended): string =>
  `${signal === null ? `exit code ${String(code)}` : `killed by ${signal}`}\n${output}`;

export interface AtStep {
  /** `<block>/<step>` at which the process is killed. */
  readonly killAt?: string;
  /** At which it is suspended. */
  readonly stopAt?: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** A process of the batch loader. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

export interface RunEventRow {
  readonly event: number;
  readonly block: string | null;
  readonly state: string;
  readonly error: string | null;
}

/** Batch runs as processes, over a dataset, a store and a scratch folder of their own; the verdicts are rows of tables. */
export class BatchBench {
  readonly dataset = `batch_${randomUUID().slice(0, 8)}`;
  readonly folder = mkdtempSync(join(tmpdir(), 'orderstream-batch-'));
  readonly apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT ?? '';
  private readonly project = process.env.TEST_BIGQUERY_PROJECT ?? '';
  private readonly bigquery = createBigQuery({
    project: this.project,
    dataset: this.dataset,
    location: 'US',
    apiEndpoint: this.apiEndpoint,
  });

  constructor(private readonly env: NodeJS.ProcessEnv = {}) {}

  async remove(): Promise<void> {
    rmSync(this.folder, { recursive: true });
    await this.bigquery.dataset(this.dataset).delete({ force: true });
  }

  start(args: readonly string[], { killAt, stopAt, env = {} }: AtStep = {}): Running {
    const preload = killAt === undefined && stopAt === undefined ? [] : ['--require', AT_STEP];
    const child = spawn(process.execPath, [...preload, MAIN, ...args], {
      env: {
        ...process.env,
        ...(killAt !== undefined && { KILL_AT: killAt }),
        ...(stopAt !== undefined && { STOP_AT: stopAt }),
        BIGQUERY_PROJECT: this.project,
        BIGQUERY_DATASET: this.dataset,
        BIGQUERY_API_ENDPOINT: this.apiEndpoint,
        BIGQUERY_GRPC_ENDPOINT: process.env.TEST_BIGQUERY_GRPC_ENDPOINT,
        BATCH_STORE: join(this.folder, 'store'),
        BATCH_SCRATCH_DIR: join(this.folder, 'scratch'),
        BATCH_LEASE_SECONDS: String(LEASE_SECONDS),
        BATCH_RETRY_PAUSE_MS: '100',
        BATCH_PARTITION: 'range',
        ...this.env,
        ...env,
      },
    });
    let output = '';
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => {
        resolve({ code, signal, output });
      });
    });
    return { child, ended };
  }

  run(args: readonly string[], at: AtStep = {}): Promise<Ended> {
    return this.start(args, at).ended;
  }

  /** Resumes the run as soon as the lease of the killed process has ended. */
  async resume(runId: string, at: AtStep = {}): Promise<Ended> {
    const endMs = performance.now() + LEASE_ENDS_MS;
    for (;;) {
      const ended = await this.run(['runs', 'resume', runId], at);
      if (!ended.output.includes('BATCH_RANGE_LOCKED')) return ended;
      if (performance.now() > endMs) throw new Error(`the lease does not end: ${ended.output}`);
    }
  }

  async query<T>(sql: string): Promise<T[]> {
    const [rows] = await this.bigquery.query({ query: sql, location: 'US' });
    return rows as T[];
  }

  /** Every row of these days, so that a row more, less or changed is seen. */
  async rowsOf(where = 'true'): Promise<string> {
    const rows = await this.query(`select * from ${this.dataset}.raw_orders where ${where} order by order_id`);
    return JSON.stringify(rows);
  }

  /** Every dead letter, each with its run, its row and what it says. */
  letters(): Promise<{ run: string; row: number; reason: string; attempt: number }[]> {
    return this.query(`select batch_run_id as run, batch_row as \`row\`, reason, attempt
      from ${this.dataset}.dead_letters where source = 'batch' order by batch_run_id, batch_row`);
  }

  /** The history of a run, in order. */
  events(runId: string): Promise<RunEventRow[]> {
    return this.query(
      `select event, block, state, error from ${this.dataset}.pipeline_runs where run_id = '${runId}' order by event`,
    );
  }

  async hasTable(name: string): Promise<boolean> {
    const [exists] = await this.bigquery.dataset(this.dataset).table(name).exists();
    return exists;
  }
}

/** Resolves when the process is suspended. */
export async function untilSuspended({ child, ended }: Running): Promise<void> {
  const endMs = performance.now() + STOPPED_MS;
  let over: Ended | undefined;
  void ended.then((each) => (over = each));
  while (performance.now() < endMs) {
    if (over !== undefined) throw new Error(`it ended before the step: ${over.output}`);
    if (readFileSync(`/proc/${String(child.pid)}/stat`, 'utf8').includes(') T ')) return;
    await delay(50);
  }
  throw new Error('it does not get to the step');
}
