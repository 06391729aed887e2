import { ConfigError, loadSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger } from '@orderstream/observability';
import { createBatch } from '../batch';
import { batchLoaderSettings, type BatchLoaderSettings } from '../batch-loader.config';
import { historyPlans } from '../runs/plans';
import { type BlockName, BLOCKS, type RunPlan, type RunRecord } from '../runs/run';
import { whenUnlocked } from '../runs/when-unlocked';
import { dayBefore } from '../daily/daily-run';
import { type BatchArguments, parseArguments, UsageError } from './arguments';
import { ProgressBar, type Terminal } from './progress-bar';

const USAGE = `Runs a block of a run, after those before it that have not succeeded: for orchestrators that show and retry blocks.
  npm run batch -- block generate_data --scheduled-at 2026-02-01T02:00:00Z [--from DAY --to DAY] [--rows N] [--scenario NAME]
      without days: the day before the scheduled time
  npm run batch -- block quality_checks RUN
  npm run batch -- block export_to_gbq RUN
Prints {"run", "block", "attempt", "rowsIn", "rowsOut", "rejected"} as a line of JSON. A block that has succeeded is not run again.
Exit codes: 0 the block has succeeded, 1 it has failed, 2 wrong arguments or settings.
`;

const MS_PER_SECOND = 1_000;
const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** @returns the exit code */
export async function runBlock(
  args: readonly string[],
  terminal: Terminal,
  output: Terminal,
  signal: AbortSignal,
): Promise<number> {
  try {
    const parsed = parseArguments(args, new Date());
    const [name, id] = parsed.words;
    const block = BLOCKS.find((each) => each === name);
    if (parsed.help || block === undefined) throw new UsageError(`Expected a block: ${BLOCKS.join(', ')}.`);
    const settings = loadSettings(batchLoaderSettings);
    const logger = createLogger({ service: 'batch-loader', level: 'silent' });
    const { runs, runner } = createBatch(settings, logger, new ProgressBar(terminal));
    const plan = id === undefined ? planOf(parsed, settings.batch) : undefined;
    const run = await whenUnlocked(settings.batch.leaseSeconds * MS_PER_SECOND, signal, async () =>
      plan === undefined ? runner.resume(await runs.get(id ?? ''), signal, block) : runner.run(plan, signal, block),
    );
    return report(run, block, output);
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

/** The whole range is one run: an orchestrator has one block for it. */
function planOf(parsed: BatchArguments, settings: BatchLoaderSettings['batch']): RunPlan {
  const { scheduledAt, range = dayBefore(scheduledAt) } = parsed;
  const [first] = historyPlans({ ...parsed, range, partition: 'month' }, settings);
  if (first === undefined) throw new UsageError('The range has no days.');
  return { ...first, range };
}

function report({ id, blocks }: RunRecord, block: BlockName, output: Terminal): number {
  const record = blocks[block];
  if (record?.state !== 'succeeded') return EXIT.failed;
  const { rowsIn, rowsOut, rejected } = record.output ?? {};
  output.write(`${JSON.stringify({ run: id, block, attempt: record.attempt, rowsIn, rowsOut, rejected })}\n`);
  return EXIT.ok;
}
