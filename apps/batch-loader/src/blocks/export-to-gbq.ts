import { join } from 'node:path';
import { StageMismatchError } from '../errors';
import { type OrdersSummary } from '../orders/order-rows';
import { type BlockOutput, type DayRange, rangeText } from '../runs/run';
import { type LoadSource, stageTable, type Warehouse } from '../warehouse/warehouse';
import { type Block, type BlockContext, outputOf } from './block';

/**
 * Replaces the run's days in `raw_orders` by its accepted rows: stage table, checks, one statement.
 *
 * Failure semantics: `raw_orders` changes in one statement only, so it has all old rows of the range or all new ones.
 * Killed before the statement, the old ones stay. Killed during or after it, the next attempt finds the same job by its
 * id and waits for it. A run whose lease was taken over cannot change the table: its stage table was dropped.
 */
export class ExportToGbq implements Block {
  readonly name = 'export_to_gbq';

  constructor(private readonly warehouse: Warehouse) {}

  async run(context: BlockContext): Promise<BlockOutput> {
    const { warehouse } = this;
    const { run, signal } = context;
    const { range } = run.plan;
    const checked = outputOf(run, 'quality_checks');
    const expected = checked.details?.summary as OrdersSummary;
    assertRange(expected, range, run.id);
    await context.assertLease();
    await warehouse.loadStage(run, await acceptedRows(context, checked), signal);
    await context.step('loaded the stage table');
    const staged = await warehouse.stageSummary(run);
    assertSame(expected, staged, `table ${stageTable(run.id)}`);
    await context.step('checked the stage table');
    await context.assertLease();
    await context.step('renewed the lease');
    await warehouse.replaceRange(run, signal);
    await context.step('replaced the range');
    assertSame(expected, await warehouse.rangeSummary(range), `raw_orders of ${rangeText(range)}`);
    await context.step('checked the range');
    await warehouse.dropStage(run.id);
    await context.step('dropped the stage table');
    return {
      rowsIn: checked.rowsOut,
      rowsOut: checked.rowsOut,
      rejected: {},
      files: [],
      details: { summary: expected },
    };
  }
}

/** BigQuery reads an object of Cloud Storage by itself; a file of a folder is uploaded. */
async function acceptedRows({ store, folder }: BlockContext, { files }: BlockOutput): Promise<LoadSource> {
  const key = files.find((name) => name.endsWith('accepted.parquet'));
  if (key === undefined) throw new TypeError('quality_checks has written no accepted.parquet');
  const uri = store.warehouseUri(key);
  if (uri !== undefined) return { uri };
  const path = join(folder, 'accepted.parquet');
  await store.getFile(key, path);
  return { path };
}

/** Each id once, each order in the range: before anything is sent. */
function assertRange(
  { rows, distinctIds, firstMicros, lastMicros }: OrdersSummary,
  range: DayRange,
  runId: string,
): void {
  const problems: string[] = [];
  if (distinctIds !== rows) problems.push(`${rows} rows have ${distinctIds} order ids`);
  const [from, to] = [Date.parse(range.from) * 1_000, Date.parse(range.to) * 1_000];
  if (rows > 0 && (Number(firstMicros) < from || Number(lastMicros) >= to))
    problems.push('orders are outside of the range');
  if (problems.length > 0)
    throw new StageMismatchError(`quality_checks of ${runId}: ${problems.join('; ')}. Start a new run.`);
}

function assertSame(expected: OrdersSummary, found: OrdersSummary | undefined, what: string): void {
  if (found === undefined) {
    throw new StageMismatchError(`${what} does not exist. The next attempt loads it again.`, { retriable: true });
  }
  const names = ['rows', 'distinctIds', 'firstMicros', 'lastMicros', 'checksum'] as const;
  const differing = names.filter((name) => expected[name] !== found[name]);
  if (differing.length === 0) return;
  const values = differing.map((name) => `${name} is ${String(found[name])} instead of ${String(expected[name])}`);
  throw new StageMismatchError(`${what} is not what the run has written: ${values.join('; ')}.`);
}
