import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, loadSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger } from '@orderstream/observability';
import { type Batch, createBatch } from '../batch';
import { batchLoaderSettings, type BatchLoaderSettings } from '../batch-loader.config';
import { filePlan, historyPlans } from '../runs/plans';
import { type FileSource, rangeText, type RunPlan, type RunRecord } from '../runs/run';
import { type BatchArguments, parseArguments, UsageError } from './arguments';
import { dryRun } from './dry-run';
import { blockText, ProgressBar, type Terminal } from './progress-bar';

const USAGE = `Loads orders into raw_orders, a run for each month (or day) of the range. Days are in UTC, both included.
  npm run batch -- --from 2026-01-01 --to 2026-01-31
      [--rows N]             orders expected in all, in place of the rate of the scenario's history
      [--scenario NAME]      such as original (docs/scenarios.md)      [--seed N]
      [--partition day|month|range]
  npm run batch -- --file PATH|gs://... --from ... --to ... [--mapping mapping.yaml]
      orders of a CSV, JSON lines or Parquet file
  [--dry-run]   says what would be rejected and why, with times and memory; needs no BigQuery, and loads nothing
  [--scheduled-at 2026-02-01T02:00:00Z]   a second start for the same time and range does nothing
  npm run batch -- runs list [--limit N] | runs show ID | runs resume ID | runs cancel ID
Exit codes: 0 all runs succeeded, 1 a run failed or was cancelled, 2 wrong arguments or settings.
`;

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Runs a command of the terminal. @returns the exit code */
export async function runCommand(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  try {
    const parsed = parseArguments(args, new Date());
    if (parsed.help) {
      terminal.write(USAGE);
      return EXIT.ok;
    }
    const settings = loadSettings(batchLoaderSettings);
    const logger = createLogger({ service: 'batch-loader', level: 'warn' });
    const batch = createBatch(settings, logger, new ProgressBar(terminal));
    const [first, second, id] = parsed.words;
    if (first === undefined) return await load(parsed, settings, batch, terminal, signal);
    if (first === 'runs') return await runsCommand(second, id, parsed, batch, terminal, signal);
    throw new UsageError(`There is no command ${first}.`);
  } catch (error) {
    if (error instanceof UsageError || error instanceof ConfigError) {
      terminal.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
      return EXIT.usage;
    }
    if (!(error instanceof OrderstreamError)) throw error;
    terminal.write(`${error.code}: ${error.message}\n`);
    return EXIT.failed;
  }
}

async function load(
  parsed: BatchArguments,
  { batch: settings }: BatchLoaderSettings,
  { runner }: Batch,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const plans = plansOf(parsed, settings);
  if (parsed.isDryRun) return dryRun(plans, settings, terminal);
  for (const [index, plan] of plans.entries()) {
    const run = await runner.run(plan, signal);
    if (run.state !== 'succeeded') {
      const rest = plans.slice(index + 1).map(({ range }) => rangeText(range));
      if (rest.length > 0) terminal.write(`Not started: ${rest.join('; ')}\n`);
      terminal.write(`Resume it: npm run batch -- runs resume ${run.id}\n`);
      return EXIT.failed;
    }
  }
  return EXIT.ok;
}

function plansOf(
  { range, file, mapping, rows, scenario, seed, partition, scheduledAt }: BatchArguments,
  settings: BatchLoaderSettings['batch'],
): readonly RunPlan[] {
  if (range === undefined) throw new UsageError('--from and --to are missing.');
  if (file === undefined) return historyPlans({ range, scheduledAt, rows, scenario, seed, partition }, settings);
  const uri = file.startsWith('gs://') ? file : resolve(file);
  const source: FileSource = { kind: 'file', uri, ...(mapping !== undefined && { mapping: textOfFile(mapping) }) };
  return [filePlan(source, range, scheduledAt, settings)];
}

function textOfFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`--mapping ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function runsCommand(
  command: string | undefined,
  id: string | undefined,
  { limit }: BatchArguments,
  { lock, runs, runner }: Batch,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (command === 'list') {
    const held = await lock.holders();
    for (const run of await runs.list(limit)) terminal.write(`${lineOf(run, held)}\n`);
    return EXIT.ok;
  }
  if (id === undefined) throw new UsageError(`runs ${command ?? ''} needs the id of a run.`);
  const handle = await runs.get(id);
  switch (command) {
    case 'show':
      terminal.write(`${lineOf(handle.record, await lock.holders())}\n`);
      for (const [block, record] of Object.entries(handle.record.blocks)) {
        terminal.write(`  ${block}: ${blockText(record)}\n`);
      }
      return EXIT.ok;
    case 'resume':
      return (await runner.resume(handle, signal)).state === 'succeeded' ? EXIT.ok : EXIT.failed;
    case 'cancel':
      await runner.cancel(handle, signal);
      terminal.write(`${id}: ${(await runs.get(id)).record.state}\n`);
      return EXIT.ok;
    default:
      throw new UsageError(`There is no command runs ${command ?? ''}.`);
  }
}

/** @param held runs that a process carries out now */
function lineOf({ id, plan, state, createdAt, endedAt, error }: RunRecord, held: ReadonlySet<string>): string {
  const isInterrupted = state === 'running' && !held.has(id);
  const what = isInterrupted ? `${state}, interrupted: resume it` : state;
  const ended = endedAt === undefined ? '' : ` to ${endedAt}`;
  return `${id}  ${what}  ${rangeText(plan.range)}  ${createdAt}${ended}${error === undefined ? '' : `  ${error}`}`;
}
