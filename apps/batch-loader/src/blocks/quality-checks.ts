import { mkdirSync } from 'node:fs';
import { RAW_ORDER_COLUMNS, type RawOrderColumn } from '@orderstream/contracts';
import { type CatalogView, type QualitySettings } from '@orderstream/quality';
import { type DuckDBAppender, type DuckDBValue } from '@duckdb/node-api';
import { Database, sqlText } from '../duckdb/database';
import { BatchInputError } from '../errors';
import { typedColumn, readSummary, summaryColumns } from '../orders/order-rows';
import { type ScenarioLoader } from '../orders/simulated-history';
import { type StreamedDays } from '../orders/streamed-days';
import { type BlockOutput, type RunPlan, type RunRecord, totalOf } from '../runs/run';
import { type LoadSource } from '../warehouse/warehouse';
import { type Block, type BlockContext, outputOf } from './block';
import { deadLetterSelect } from './dead-letter-rows';
import { type CatalogOfRows, catalogsOf } from './order-catalog';
import { DOUBLED_ID, OrderEvaluator, type RowVerdict } from './order-evaluator';
import { assertThresholds, type Thresholds } from './thresholds';

/** The columns that a rule may repair. */
const REPAIRABLE = [
  'vendor_name',
  'vendor_address',
  'vendor_vertical',
  'customer_registered_at',
  'item_name',
] as const satisfies readonly RawOrderColumn[];
const MAX_BUCKETS = 512;

/** The table of the rejected rows. */
export interface RejectTable {
  loadDeadLetters(run: RunRecord, source: LoadSource, signal: AbortSignal): Promise<void>;
}

export interface QualityChecksOptions {
  readonly memoryMb: number;
  /** Rows of a bucket of customers, about. The memory of the rules depends on it. */
  readonly bucketRows: number;
  /** The rules of a run with these actions. */
  readonly settings: (actions: RunPlan['actions']) => QualitySettings;
  readonly thresholds: Thresholds;
}

/**
 * Evaluates every row by the rules of libs/quality, as the validator evaluates the stream, and writes what is accepted and
 * what is rejected.
 *
 * What the rules remember is of a customer: the rows are cut into buckets by customer, and evaluated bucket by bucket, in
 * the order of the file. So the memory does not depend on the number of rows. One thing is not of a customer: that an
 * order_id stands twice. DuckDB finds those of different customers afterwards; the first accepted row stays.
 *
 * Failure semantics: a pure function of its input and the plan, so every attempt rejects the same rows. They are loaded by
 * one job, which BigQuery runs once for the run, as a whole or not at all: before it there is none of them, after it each
 * one once. A threshold fails the run, which is not retried; the rejected rows are loaded nevertheless, so that they can be
 * looked at.
 */
export class QualityChecks implements Block {
  readonly name = 'quality_checks';

  /** @param rejects where rejected rows are loaded; undefined: nowhere */
  constructor(
    private readonly options: QualityChecksOptions,
    private readonly loadScenario: ScenarioLoader,
    private readonly rejects: RejectTable | undefined,
  ) {}

  async run(context: BlockContext): Promise<BlockOutput> {
    const { folder, signal } = context;
    const database = await Database.open({ folder, memoryMb: this.options.memoryMb, signal });
    try {
      return await this.check(database, context);
    } finally {
      await database.close();
    }
  }

  private async check(database: Database, context: BlockContext): Promise<BlockOutput> {
    const { run, store, prefix } = context;
    const input = outputOf(run, 'generate_data', 'read_file');
    const paths = await fetchInput(database, context, input.files);
    await database.run(`create view orders as select * from read_parquet([${paths.map(sqlText).join(', ')}])`);
    await createVerdicts(database);
    const { stream } = (input.details ?? {}) as { readonly stream?: StreamedDays };
    const catalogs = await catalogsOf(run.plan, database, this.loadScenario, stream?.segments ?? []);
    const settings = this.options.settings(run.plan.actions);
    const evaluator = new OrderEvaluator(settings, run.plan.range, Date.parse(run.createdAt));
    const flagged = await this.evaluate(database, evaluator, catalogs, input.rowsOut, context);
    await rejectDoubledIds(database);
    const rejected = await rejectedByRule(database);
    const rejects = database.path('rejects.parquet');
    await database.run(`copy (${deadLetterSelect(run)}) to '${rejects}' (format parquet, compression zstd)`);
    const accepted = database.path('accepted.parquet');
    await database.run(
      `copy (${acceptedSelect()}) to '${accepted}' (format parquet, compression zstd, row_group_size 100000)`,
    );
    const [summaryRow] = await database.rows(`select ${summaryColumns('duckdb')} from read_parquet('${accepted}')`);
    const summary = readSummary(summaryRow);
    context.signal.throwIfAborted();
    await store.putFile(`${prefix}/rejects.parquet`, rejects);
    await store.putFile(`${prefix}/accepted.parquet`, accepted);
    await context.step('wrote accepted.parquet');
    const rowsIn = input.rowsOut;
    if (summary.rows + totalOf(rejected) !== rowsIn) {
      const found = `${summary.rows} accepted and ${totalOf(rejected)} rejected rows of ${rowsIn}`;
      throw new BatchInputError(`quality_checks of ${run.id} does not add up: ${found}. Start the run again.`);
    }
    if (totalOf(rejected) > 0) {
      const uri = store.warehouseUri(`${prefix}/rejects.parquet`);
      await this.rejects?.loadDeadLetters(run, uri === undefined ? { path: rejects } : { uri }, context.signal);
      await context.step('loaded the rejected rows');
    }
    assertThresholds(rowsIn, rejected, this.options.thresholds);
    const files = [`${prefix}/accepted.parquet`, `${prefix}/rejects.parquet`];
    return { rowsIn, rowsOut: summary.rows, rejected, flagged, files, details: { summary } };
  }

  /** Fills `verdicts`. Returns the accepted rows by each rule that flagged or repaired them. */
  private async evaluate(
    database: Database,
    evaluator: OrderEvaluator,
    catalogs: readonly CatalogOfRows[],
    rows: number,
    context: BlockContext,
  ): Promise<Record<string, number>> {
    const flagged: Record<string, number> = {};
    const buckets = Math.min(MAX_BUCKETS, Math.ceil(rows / this.options.bucketRows));
    const sources = await bucketsOf(database, buckets);
    let done = 0;
    for (const source of sources) {
      evaluator.nextBucket();
      const appender = await database.appender('verdicts');
      const query = `select ${EVENT_COLUMNS} from ${source} where problem is null order by row_number`;
      for await (const [numbers = [], ids = [], customers = [], times = [], bodies = []] of database.chunks(query)) {
        for (const [index, number] of numbers.entries()) {
          const event = {
            eventId: textOf(ids[index]),
            customerId: textOf(customers[index]),
            placedAt: textOf(times[index]),
            body: textOf(bodies[index]),
          };
          const verdict = evaluator.evaluate(event, catalogFor(Number(number), catalogs));
          if (verdict.kind !== 'reject') {
            for (const flag of verdict.flags) flagged[flag] = (flagged[flag] ?? 0) + 1;
          }
          appendVerdict(appender, number as bigint, verdict);
        }
        done += numbers.length;
        context.progress(done, rows);
        context.signal.throwIfAborted();
      }
      appender.closeSync();
    }
    return flagged;
  }
}

function catalogFor(row: number, catalogs: readonly CatalogOfRows[]): CatalogView {
  const found = catalogs.find(({ until }) => row < until);
  if (found === undefined) throw new RangeError(`row ${row} has no catalog`);
  return found.catalog;
}

async function fetchInput(database: Database, { store }: BlockContext, keys: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const [index, key] of keys.entries()) {
    const path = database.path(`input-${index}.parquet`);
    await store.getFile(key, path);
    paths.push(path);
  }
  return paths;
}

/** Rows with a problem of the file itself are rejected before any rule. */
async function createVerdicts(database: Database): Promise<void> {
  const repairs = REPAIRABLE.map((name) => `${name} varchar`).join(', ');
  await database.run(
    `create table verdicts (row_number bigint, reason varchar, path varchar, detail varchar, ${repairs})`,
  );
  const detail = `to_json([{code: 'batch.unreadable_row', path: 'row', "constraint": problem}])`;
  await database.run(`insert into verdicts by name
    select row_number, 'batch.unreadable_row' as reason, 'row' as path, cast(${detail} as varchar) as detail
    from orders where problem is not null`);
}

/** Tables or files that together have the orders, each with all orders of its customers. */
async function bucketsOf(database: Database, buckets: number): Promise<readonly string[]> {
  if (buckets <= 1) return ['orders'];
  const folder = database.path('buckets');
  mkdirSync(folder);
  await database.run(`copy (select *, hash(coalesce(customer_id, '')) % ${buckets} as bucket from orders)
    to '${folder}' (format parquet, partition_by (bucket), compression snappy)`);
  const found = await database.rows(
    `select distinct regexp_extract(file, 'bucket=\\d+') as name from glob('${folder}/*/*')`,
  );
  return found.map(({ name }) => `read_parquet('${folder}/${textOf(name)}/*', hive_partitioning = false)`);
}

/** A JSON number if the rules can read it as one; else the text, which they reject. */
const jsonInteger = (name: RawOrderColumn): string =>
  `case when regexp_full_match(${name}, '-?[0-9]{1,15}') then cast(cast(${name} as bigint) as json) else to_json(${name}) end`;

/** The event that the row would have been. Its id is a function of the order_id. */
const EVENT_ID = `regexp_replace(md5(coalesce(order_id, 'row ' || row_number)),
  '^(.{8})(.{4}).(.{3}).(.{3})(.{12})$', '\\1-\\2-4\\3-8\\4-\\5')`;
const EVENT_COLUMNS = `row_number, ${EVENT_ID} as event_id, coalesce(customer_id, '') as key,
  coalesce(order_placed_at, '') as placed_at,
  cast(json_object('event_id', ${EVENT_ID}, 'event_type', 'order.placed', 'occurred_at', order_placed_at,
    ${RAW_ORDER_COLUMNS.map((name) => `'${name}', ${name === 'order_rating' || name === 'item_quantity' ? jsonInteger(name) : name}`).join(', ')}) as varchar) as body`;

const textOf = (value: DuckDBValue | undefined): string => (typeof value === 'string' ? value : '');

/** A row that is accepted as it is has no verdict in the table. */
function appendVerdict(appender: DuckDBAppender, number: bigint, verdict: RowVerdict): void {
  if (verdict.kind === 'accept') return;
  appender.appendBigInt(number);
  if (verdict.kind === 'reject') {
    const [first] = verdict.reasons;
    appender.appendVarchar(first?.code ?? '');
    if (first?.path === undefined) appender.appendNull();
    else appender.appendVarchar(first.path);
    appender.appendVarchar(JSON.stringify(verdict.reasons));
    REPAIRABLE.forEach(() => appender.appendNull());
  } else {
    for (let nulls = 0; nulls < 3; nulls++) appender.appendNull();
    for (const name of REPAIRABLE) appender.appendVarchar(String(verdict.body[name]));
  }
  appender.endRow();
}

const ACCEPTED_ROWS = `
  select o.* from orders o anti join (select row_number from verdicts where reason is not null) r using (row_number)`;

/** Of rows of different customers with one order_id, the first accepted one stays. Hashes first: they need less memory. */
async function rejectDoubledIds(database: Database): Promise<void> {
  await database.run(`create temp table doubled as
    select hash(order_id) as id from (${ACCEPTED_ROWS}) group by all having count(*) > 1`);
  const detail = JSON.stringify([DOUBLED_ID]);
  // A repaired row has a verdict already: it is replaced.
  await database.run(`create temp table doubles as
    select row_number from (
      select row_number, row_number() over (partition by order_id order by row_number) as copy
      from (${ACCEPTED_ROWS}) where hash(order_id) in (select id from doubled)
    ) where copy > 1`);
  await database.run('delete from verdicts where row_number in (select row_number from doubles)');
  await database.run(`insert into verdicts by name
    select row_number, 'duplicate.event' as reason, 'order_id' as path, ${sqlText(detail)} as detail from doubles`);
}

async function rejectedByRule(database: Database): Promise<Record<string, number>> {
  const rows = await database.rows(
    'select reason, cast(count(*) as integer) as n from verdicts where reason is not null group by reason order by reason',
  );
  return Object.fromEntries(rows.map(({ reason, n }) => [textOf(reason), Number(n)]));
}

/** The accepted rows as they are loaded. */
function acceptedSelect(): string {
  const repairable: readonly string[] = REPAIRABLE;
  const columns = RAW_ORDER_COLUMNS.map((name) =>
    typedColumn(name, repairable.includes(name) ? `coalesce(v.${name}, o.${name})` : `o.${name}`),
  );
  return `select ${columns.join(', ')} from (${ACCEPTED_ROWS}) o left join verdicts v using (row_number)`;
}
