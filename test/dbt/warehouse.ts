import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { type BigQuery, type Dataset } from '@google-cloud/bigquery';
import { createBigQuery, ensureDataset, ensureTables, type QueryRow } from '@orderstream/bigquery';
import { loadSettings } from '@orderstream/config';
import { TABLES } from '@orderstream/contracts';

import {
  createProgress,
  dbtEnvironment,
  devSettings,
  prepareDbt,
  repositoryRoot,
  runCommand,
  stackPaths,
} from '../../dev/src';

/** A node of `run_results.json`. */
export interface NodeResult {
  /** `<kind>.orderstream.<name>`, with a hash behind the name of a test. */
  readonly unique_id: string;
  readonly status: 'success' | 'pass' | 'warn' | 'fail' | 'error' | 'skipped' | 'no-op';
  readonly message: string | null;
  readonly failures: number | null;
}

interface DbtResult {
  readonly code: number | undefined;
  readonly output: string;
  readonly nodes: readonly NodeResult[];
}

/** The properties of `manifest.json` that the tests read. */
export interface Manifest {
  readonly nodes: Readonly<Record<string, ManifestNode>>;
  readonly sources: Readonly<Record<string, ManifestNode>>;
  readonly exposures: Readonly<Record<string, ManifestNode>>;
}
export interface ManifestNode {
  readonly unique_id: string;
  readonly resource_type: string;
  readonly name: string;
  readonly schema: string;
  readonly alias?: string;
  readonly identifier?: string;
  readonly description: string;
  readonly group?: string | null;
  /** Of an exposure. */
  readonly type?: string;
  readonly label?: string;
  readonly raw_code?: string;
  readonly config: {
    readonly materialized?: string;
    readonly contract?: { readonly enforced: boolean };
    readonly meta?: { readonly file?: string };
  };
  readonly columns: Readonly<Record<string, { readonly description: string }>>;
  readonly depends_on?: { readonly nodes: readonly string[] };
}

const NOT_DONE: ReadonlySet<string> = new Set(['fail', 'error', 'skipped', 'warn']);

/** A dataset of its own in the emulator, with the tables of the services, and dbt on it. */
export class Warehouse {
  private constructor(
    readonly dataset: string,
    private readonly bigquery: BigQuery,
    private readonly handle: Dataset,
    private readonly dbtProgram: string,
    private readonly env: NodeJS.ProcessEnv,
    readonly output: string,
  ) {}

  static async create(): Promise<Warehouse> {
    const dataset = `dbt_${randomUUID().slice(0, 8)}`;
    const apiEndpoint = process.env.TEST_BIGQUERY_API_ENDPOINT ?? '';
    const projectId = process.env.TEST_BIGQUERY_PROJECT ?? '';
    const bigquery = createBigQuery({ project: projectId, dataset, location: 'US', apiEndpoint });
    const handle = await ensureDataset(bigquery, dataset, 'US');
    await ensureTables(handle, Object.values(TABLES));
    const settings = loadSettings(devSettings, process.env);
    const paths = stackPaths(repositoryRoot(), settings.home);
    const { signal } = new AbortController();
    const programs = await prepareDbt({
      paths,
      settings,
      env: process.env,
      progress: createProgress(process.stderr),
      signal,
    });
    const output = mkdtempSync(join(tmpdir(), 'orderstream-dbt-'));
    const env = {
      ...dbtEnvironment(paths, { apiEndpoint, projectId, dataset }, { run: 'command', env: process.env }),
      DBT_TARGET_PATH: join(output, 'target'),
      DBT_LOG_PATH: join(output, 'logs'),
    };
    return new Warehouse(dataset, bigquery, handle, programs.dbt, env, output);
  }

  remove(): void {
    rmSync(this.output, { recursive: true, force: true });
  }

  /** Runs a dbt command to its end, whatever its exit code. */
  async dbt(...args: readonly string[]): Promise<DbtResult> {
    const results = join(this.output, 'target', 'run_results.json');
    rmSync(results, { force: true });
    const { code, output } = await runCommand(this.dbtProgram, ['--no-use-colors', ...args], {
      env: this.env,
      cwd: repositoryRoot(),
    });
    const nodes = (readJson(results) as { results: NodeResult[] } | undefined)?.results ?? [];
    return { code, output, nodes };
  }

  /** Runs a dbt command that must succeed in every node. */
  async mustRun(...args: readonly string[]): Promise<DbtResult> {
    const result = await this.dbt(...args);
    const wrong = result.nodes.filter(({ status }) => NOT_DONE.has(status));
    if (result.code !== 0 || wrong.length > 0) {
      const nodes = wrong.map(({ unique_id, status, message }) => `${status} ${unique_id}: ${message ?? ''}`);
      throw new Error(`dbt ${args.join(' ')} exits with ${result.code}:\n${nodes.join('\n')}\n${result.output}`);
    }
    return result;
  }

  manifest(): Manifest {
    const manifest = readJson(join(this.output, 'target', 'manifest.json')) as Manifest | undefined;
    if (manifest === undefined) throw new Error('dbt has written no manifest yet');
    return manifest;
  }

  /** Runs a query. Tables without a dataset are those of the marts. */
  async query(sql: string): Promise<QueryRow[]> {
    const [rows] = await this.bigquery.query({
      query: sql,
      useQueryCache: false,
      defaultDataset: { datasetId: this.dataset, projectId: this.bigquery.projectId },
    });
    return rows as QueryRow[];
  }

  async insert(table: string, rows: readonly object[]): Promise<void> {
    await this.handle.table(table).insert([...rows]);
  }

  /** All rows of a table as text, in a fixed order. */
  async rowsOf(table: string, columns = '*'): Promise<string[]> {
    const rows = await this.query(`select to_json_string(t) as line from (select ${columns} from ${table}) as t`);
    return rows.map(({ line }) => String(line)).sort();
  }
}

/** Undefined when dbt has not written the file. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
}
