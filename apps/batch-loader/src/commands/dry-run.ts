import { randomUUID } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { batchRules } from '../batch';
import { type BatchLoaderSettings } from '../batch-loader.config';
import { type Block } from '../blocks/block';
import { GenerateData } from '../blocks/generate-data';
import { QualityChecks } from '../blocks/quality-checks';
import { ReadFile } from '../blocks/read-file';
import { Database } from '../duckdb/database';
import { parseMapping } from '../files/column-mapping';
import { loadScenario } from '../orders/scenario-loader';
import { type ScenarioLoader } from '../orders/simulated-history';
import { type BlockOutput, rangeText, type RunPlan, type RunRecord, totalOf } from '../runs/run';
import { FolderStore } from '../store/folder-store';
import { type Terminal } from './progress-bar';

/** Rows that are shown of each rule. */
const EXAMPLES = 3;

/**
 * Makes and checks the orders of the plans without a warehouse, and says what would be rejected and why, and what each
 * block costs.
 * @returns the exit code: 1 if a run would fail
 */
export async function dryRun(
  plans: readonly RunPlan[],
  settings: BatchLoaderSettings['batch'],
  terminal: Terminal,
): Promise<number> {
  let code = 0;
  for (const plan of plans) code = Math.max(code, await tryPlan(plan, settings, terminal));
  return code;
}

async function tryPlan(plan: RunPlan, settings: BatchLoaderSettings['batch'], terminal: Terminal): Promise<number> {
  const folder = resolve(settings.scratch, `dry-run-${randomUUID()}`);
  const { memoryMb, bucketRows, googleEndpoint, maxRejectedShare, scenarioDir, journal } = settings;
  const store = new FolderStore(join(folder, 'store'));
  const scenarioOf: ScenarioLoader = (name) => loadScenario(name, scenarioDir);
  const first =
    plan.source.kind === 'file'
      ? new ReadFile(memoryMb, googleEndpoint)
      : new GenerateData(memoryMb, scenarioOf, journal);
  // Without thresholds: the rejected rows are the answer.
  const checks = { memoryMb, bucketRows, settings: batchRules, thresholds: {} };
  try {
    await mkdir(folder, { recursive: true });
    const output = await runBlocks(
      plan,
      store,
      folder,
      [first, new QualityChecks(checks, scenarioOf, undefined)],
      terminal,
    );
    const { rowsIn, rowsOut, rejected, flagged } = output;
    terminal.write(
      `${rowsIn} rows for ${rangeText(plan.range)}: ${rowsOut} would be loaded, ${totalOf(rejected)} rejected.\n`,
    );
    for (const [rule, rows] of Object.entries(flagged ?? {}))
      terminal.write(`  ${rule}: ${rows} repaired or flagged\n`);
    await showRejects(store, output, folder, memoryMb, numberedBy(plan), terminal);
    const share = rowsIn === 0 ? 0 : totalOf(rejected) / rowsIn;
    const exceeded = Object.entries(maxRejectedShare).filter(
      ([rule, limit]) => (rule === '*' ? share : (rejected[rule] ?? 0) / rowsIn) > limit,
    );
    if (exceeded.length === 0) return 0;
    terminal.write(
      `The run would fail: BATCH_MAX_REJECTED_SHARE allows ${JSON.stringify(Object.fromEntries(exceeded))}.\n`,
    );
    return 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns the output of the last block */
export async function runBlocks(
  plan: RunPlan,
  store: FolderStore,
  folder: string,
  blocks: readonly Block[],
  terminal: Terminal,
): Promise<BlockOutput> {
  const createdAt = new Date().toISOString();
  let output: BlockOutput = { rowsIn: 0, rowsOut: 0, rejected: {}, files: [] };
  let run: RunRecord = {
    id: 'dry_run',
    jobKey: '',
    plan,
    state: 'running',
    createdAt,
    blocks: {},
    events: [],
    published: 0,
  };
  for (const block of blocks) {
    const startedAt = performance.now();
    output = await block.run({
      run,
      attempt: 1,
      folder: join(folder, block.name),
      store,
      prefix: block.name,
      signal: new AbortController().signal,
      progress: () => undefined,
      step: () => Promise.resolve(),
      assertLease: () => Promise.resolve(),
    });
    run = {
      ...run,
      blocks: { ...run.blocks, [block.name]: { attempt: 1, state: 'succeeded', startedAt: createdAt, output } },
    };
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const peakMb = Math.round(process.resourceUsage().maxRSS / 1_024);
    terminal.write(`  ${block.name}: ${output.rowsOut} rows, ${seconds} s, up to ${peakMb} MB of memory\n`);
  }
  return output;
}

/** What the number of a row is. */
const numberedBy = ({ source }: RunPlan): 'line' | 'row' =>
  source.kind === 'file' && parseMapping(source.uri, source.mapping).format !== 'parquet' ? 'line' : 'row';

async function showRejects(
  store: FolderStore,
  { files }: BlockOutput,
  folder: string,
  memoryMb: number,
  numberedBy: 'line' | 'row',
  terminal: Terminal,
): Promise<void> {
  const key = files.find((name) => name.endsWith('rejects.parquet'));
  if (key === undefined) return;
  const database = await Database.open({ folder: join(folder, 'show'), memoryMb });
  try {
    await store.getFile(key, database.path('rejects.parquet'));
    const rows = await database.rows(`
      select reason, cast(batch_row as varchar) as row, detail,
        cast(count(*) over (partition by reason) as varchar) as rows
      from read_parquet('${database.path('rejects.parquet')}')
      qualify row_number() over (partition by reason order by batch_row) <= ${EXAMPLES} order by reason, batch_row`);
    let shown = '';
    for (const { reason, row, detail, rows: count } of rows) {
      if (reason !== shown) terminal.write(`  ${String(reason)}: ${String(count)} rejected\n`);
      shown = String(reason);
      terminal.write(`    ${numberedBy} ${String(row)}: ${String(detail)}\n`);
    }
  } finally {
    await database.close();
  }
}
