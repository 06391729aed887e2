import { type BigQuery, type JobLoadMetadata } from '@google-cloud/bigquery';
import { ensureDataset, ensureTables } from '@orderstream/bigquery';
import {
  bigQuerySchema,
  PIPELINE_RUNS,
  RAW_ORDER_COLUMNS,
  RAW_ORDERS,
  TABLES,
  type TableSpec,
} from '@orderstream/contracts';
import { type OrdersSummary, readSummary, summaryColumns } from '../orders/order-rows';
import { type DayRange, type RunEvent, type RunRecord } from '../runs/run';
import { callWithDeadline, hasStatus, Jobs } from './jobs';

const NOT_FOUND = 404;
const CONFLICT = 409;
const HOUR_MS = 3_600_000;
/** A stage table that no run has dropped disappears after this time. */
const STAGE_EXPIRATION_MS = 48 * HOUR_MS;
const UPLOAD_DEADLINE_MS = HOUR_MS;

/** A Parquet file: its address if BigQuery can read it, or else its path. */
export type LoadSource = { readonly uri: string } | { readonly path: string };

const DEAD_LETTERS = specNamed('dead_letters');
/** The columns of `dead_letters` that a batch fills. The others are of the stream, and null. */
export const LETTER_COLUMNS = [
  'source',
  'app',
  'reason',
  'fingerprint',
  'detail',
  'batch_run_id',
  'batch_row',
  'attempt',
  'failed_at',
  'first_failed_at',
  'event_type',
  'record_key',
  'body',
] as const;
const BATCH_LETTERS = columnsNamed(DEAD_LETTERS, LETTER_COLUMNS);

/** The tables of the batch. */
export class Warehouse {
  private readonly jobs: Jobs;

  constructor(
    private readonly bigquery: BigQuery,
    private readonly datasetName: string,
    private readonly location: string,
  ) {
    this.jobs = new Jobs(bigquery, location);
  }

  /** Creates what is missing: the dataset and the tables. */
  async prepare(): Promise<void> {
    const dataset = await ensureDataset(this.bigquery, this.datasetName, this.location);
    await ensureTables(dataset, [RAW_ORDERS, PIPELINE_RUNS, DEAD_LETTERS]);
  }

  /** Loads the orders into the run's stage table, in place of what is there. */
  async loadStage(run: RunRecord, source: LoadSource, signal: AbortSignal): Promise<void> {
    const table = stageTable(run.id);
    await this.createStage(table);
    await this.jobs.runOnce(
      {
        name: jobName(run, 'export_to_gbq'),
        start: (jobId) => this.startLoad(jobId, table, RAW_ORDERS, source, 'WRITE_TRUNCATE'),
        stillCounts: async () => (await this.stageSummary(run))?.rows !== 0,
      },
      signal,
    );
  }

  /** Undefined if there is no stage table. */
  async stageSummary(run: RunRecord): Promise<OrdersSummary | undefined> {
    try {
      return await this.summary(stageTable(run.id));
    } catch (error) {
      if (hasStatus(error, NOT_FOUND)) return undefined;
      throw error;
    }
  }

  /** What `raw_orders` has in the range. */
  rangeSummary({ from, to }: DayRange): Promise<OrdersSummary> {
    return this.summary(
      RAW_ORDERS.table,
      `where order_placed_at >= timestamp '${from}' and order_placed_at < timestamp '${to}'`,
    );
  }

  /**
   * Replaces the range in `raw_orders` by the stage table: one statement, so that a reader sees the old rows or the new
   * ones. Of two starts of one run it takes effect once.
   */
  async replaceRange(run: RunRecord, signal: AbortSignal): Promise<void> {
    const { from, to } = run.plan.range;
    const columns = RAW_ORDER_COLUMNS.join(', ');
    const query = `merge ${this.datasetName}.${RAW_ORDERS.table} old
using ${this.datasetName}.${stageTable(run.id)} new
on false
when not matched by source and old.order_placed_at >= timestamp '${from}' and old.order_placed_at < timestamp '${to}' then delete
when not matched by target then insert (${columns}) values (${RAW_ORDER_COLUMNS.map((name) => `new.${name}`).join(', ')})`;
    await this.jobs.runOnce(
      {
        name: jobName(run, 'replace'),
        start: (jobId) =>
          this.bigquery.createQueryJob({ query, jobId, location: this.location, labels: { run: run.id } }),
      },
      signal,
    );
  }

  async dropStage(runId: string): Promise<void> {
    const table = this.bigquery.dataset(this.datasetName).table(stageTable(runId));
    await callWithDeadline(`dropping table ${stageTable(runId)}`, () => table.delete({ ignoreNotFound: true }));
  }

  /**
   * A run whose lease has ended can no longer change `raw_orders`: its statement needs its stage table, and one that
   * is in flight has ended. To be called by the run that takes over the range.
   */
  async fence(run: RunRecord, signal: AbortSignal): Promise<void> {
    await this.dropStage(run.id);
    await this.jobs.end(jobName(run, 'replace'), signal);
  }

  /** Whether the run's statement has taken effect. */
  hasReplaced(run: RunRecord): Promise<boolean> {
    return this.jobs.hasSucceeded(jobName(run, 'replace'));
  }

  /** Adds the rejected rows of the run to `dead_letters`, once. */
  async loadDeadLetters(run: RunRecord, source: LoadSource, signal: AbortSignal): Promise<void> {
    await this.jobs.runOnce(
      {
        name: jobName(run, 'dead_letters'),
        start: (jobId) => this.startLoad(jobId, BATCH_LETTERS.table, BATCH_LETTERS, source, 'WRITE_APPEND'),
      },
      signal,
    );
  }

  /** Adds an event to `pipeline_runs`, once. */
  async addRunEvent(run: RunRecord, number: number, event: RunEvent, signal: AbortSignal): Promise<void> {
    const values = runEventValues(run, number, event);
    const columns = PIPELINE_RUNS.columns.map(({ name }) => name);
    const expressions = PIPELINE_RUNS.columns.map(
      ({ name, type }) => `cast(nullif(@${name}, '') as ${type.toLowerCase()})`,
    );
    const query = `insert into ${this.datasetName}.${PIPELINE_RUNS.table} (${columns.join(', ')})
select ${expressions.join(', ')}`;
    await this.jobs.runOnce(
      {
        name: jobName(run, `event-${number}`),
        start: (jobId) => this.bigquery.createQueryJob({ query, params: values, jobId, location: this.location }),
      },
      signal,
    );
  }

  private async summary(table: string, where = ''): Promise<OrdersSummary> {
    const query = `select ${summaryColumns('bigquery')}\nfrom ${this.datasetName}.${table} ${where}`;
    const [rows] = await callWithDeadline(
      `summarizing ${table}`,
      () => this.bigquery.query({ query, location: this.location, useQueryCache: false }),
      UPLOAD_DEADLINE_MS,
    );
    return readSummary(rows[0] as Record<string, unknown> | undefined);
  }

  private async createStage(table: string): Promise<void> {
    const expirationTime = String(Date.now() + STAGE_EXPIRATION_MS);
    const description = 'Rows of a batch run that are not in raw_orders yet. The run drops it.';
    const schema = { fields: bigQuerySchema(RAW_ORDERS) };
    try {
      await callWithDeadline(`creating table ${table}`, () =>
        this.bigquery.dataset(this.datasetName).createTable(table, { description, schema, expirationTime }),
      );
    } catch (error) {
      if (!hasStatus(error, CONFLICT)) throw error;
    }
  }

  private async startLoad(
    jobId: string,
    table: string,
    spec: TableSpec,
    source: LoadSource,
    writeDisposition: 'WRITE_TRUNCATE' | 'WRITE_APPEND',
  ): Promise<void> {
    const fields = bigQuerySchema(spec);
    const load: JobLoadMetadata = {
      sourceFormat: 'PARQUET',
      writeDisposition,
      createDisposition: 'CREATE_NEVER',
      schema: { fields },
    };
    const { location } = this;
    if ('path' in source) {
      const target = this.bigquery.dataset(this.datasetName).table(table);
      await callWithDeadline(
        `uploading ${source.path} for job ${jobId}`,
        () => target.createLoadJob(source.path, { ...load, jobId, location }),
        UPLOAD_DEADLINE_MS,
      );
      return;
    }
    const destinationTable = { projectId: this.bigquery.projectId, datasetId: this.datasetName, tableId: table };
    await this.bigquery.createJob({
      jobId,
      location,
      configuration: { load: { ...load, destinationTable, sourceUris: [source.uri] } },
    });
  }
}

export const stageTable = (runId: string): string => `raw_orders_stage_${runId}`;
const jobName = ({ id, jobKey }: RunRecord, what: string): string => `${id}_${jobKey}-${what}`;

/** Texts by column; an empty one is null. */
function runEventValues({ id, plan }: RunRecord, number: number, event: RunEvent): Record<string, string> {
  const text = (value: string | number | undefined): string => (value === undefined ? '' : String(value));
  return {
    run_id: id,
    pipeline: plan.pipeline,
    event: text(number),
    block: text(event.block),
    attempt: text(event.attempt),
    state: event.state,
    range_from: `${plan.range.from}T00:00:00Z`,
    range_to: `${plan.range.to}T00:00:00Z`,
    scheduled_at: plan.scheduledAt,
    rows_in: text(event.rowsIn),
    rows_out: text(event.rowsOut),
    rows_rejected: event.rejected === undefined ? '' : text(Object.values(event.rejected).reduce((a, b) => a + b, 0)),
    rejected_by_rule: event.rejected === undefined ? '' : JSON.stringify(event.rejected),
    started_at: event.startedAt,
    ended_at: text(event.endedAt),
    recorded_at: event.recordedAt,
    error: text(event.error),
  };
}

function columnsNamed(spec: TableSpec, names: readonly string[]): TableSpec {
  const columns = spec.columns.filter(({ name }) => names.includes(name));
  if (columns.length !== names.length) throw new TypeError(`${spec.table} has not all columns of ${names.join(', ')}`);
  return { ...spec, columns };
}

function specNamed(name: string): TableSpec {
  const spec = TABLES[name];
  if (spec === undefined) throw new TypeError(`there is no contract of the table ${name}`);
  return spec;
}
