import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ConfigError, loadSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger } from '@orderstream/observability';
import { type Batch, createBatch } from '../batch';
import { batchLoaderSettings, type BatchLoaderSettings } from '../batch-loader.config';
import { type DayRange, partitionsOf, rangeText, type RunPlan, type RunRecord } from '../runs/run';
import { type BatchArguments, parseArguments, UsageError } from './arguments';
import { dryRun } from './dry-run';
import { blockText, ProgressBar, type Terminal } from './progress-bar';

const USAGE = `Loads orders into raw_orders, a run for each month (or day) of the range. Days are in UTC, both included.
  npm run batch -- --from 2026-01-01 --to 2026-01-31
      [--rows N]             orders expected in all, in place of the rate of the scenario's history
      [--scenario NAME]      such as original (docs/scenarios.md)      [--seed N]
      [--partition day|month]
  npm run batch -- --file PATH|gs://... --from ... --to ... [--mapping mapping.yaml] [--dry-run]
      orders of a CSV, JSON lines or Parquet file; --dry-run says what would be rejected, and loads nothing
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
  const { range, isDryRun, partition, scheduledAt } = parsed;
  if (range === undefined) throw new UsageError('--from and --to are missing.');
  const source = sourceOf(parsed, settings, range);
  if (isDryRun) return dryRun({ ...filePlan(source, range, scheduledAt) }, settings, terminal);
  const ranges = source.kind === 'file' ? [range] : partitionsOf(range, partition ?? settings.partition);
  for (const part of ranges) {
    const plan: RunPlan =
      source.kind === 'file'
        ? filePlan(source, part, scheduledAt)
        : { pipeline: 'load_batch_to_bq', scheduledAt, range: part, source };
    const run = await runner.run(plan, signal);
    if (run.state !== 'succeeded') {
      const rest = ranges.slice(ranges.indexOf(part) + 1);
      if (rest.length > 0) terminal.write(`Not started: ${rest.map(rangeText).join('; ')}\n`);
      terminal.write(`Resume it: npm run batch -- runs resume ${run.id}\n`);
      return EXIT.failed;
    }
  }
  return EXIT.ok;
}

function sourceOf(
  { file, mapping, rows, scenario, seed }: BatchArguments,
  settings: BatchLoaderSettings['batch'],
  range: DayRange,
): RunPlan['source'] {
  if (file !== undefined) {
    const uri = file.startsWith('gs://') ? file : resolve(file);
    return { kind: 'file', uri, ...(mapping !== undefined && { mapping: textOfFile(mapping) }) };
  }
  return {
    kind: 'simulation',
    seed: seed ?? String(settings.seed),
    scenario: scenario ?? settings.scenario,
    ...(rows !== undefined && { rate: { ...range, orders: rows } }),
  };
}

const filePlan = (source: RunPlan['source'], range: DayRange, scheduledAt: string): RunPlan => ({
  pipeline: 'load_file_to_bq',
  scheduledAt,
  range,
  source,
});

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
  { runs, runner }: Batch,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  if (command === 'list') {
    for (const run of await runs.list(limit)) terminal.write(`${lineOf(run)}\n`);
    return EXIT.ok;
  }
  if (id === undefined) throw new UsageError(`runs ${command ?? ''} needs the id of a run.`);
  const handle = await runs.get(id);
  switch (command) {
    case 'show':
      terminal.write(`${lineOf(handle.record)}\n`);
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

const lineOf = ({ id, plan, state, createdAt, endedAt, error }: RunRecord): string =>
  `${id}  ${state}  ${rangeText(plan.range)}  ${createdAt}${endedAt === undefined ? '' : ` to ${endedAt}`}${error === undefined ? '' : `  ${error}`}`;
