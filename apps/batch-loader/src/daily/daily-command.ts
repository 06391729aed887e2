import { ConfigError, loadSettings } from '@orderstream/config';
import { OrderstreamError } from '@orderstream/errors';
import { createLogger, Metrics } from '@orderstream/observability';
import { createBatch } from '../batch';
import { batchLoaderSettings, type BatchLoaderSettings } from '../batch-loader.config';
import { parseArguments, UsageError } from '../commands/arguments';
import { ProgressBar, type Terminal } from '../commands/progress-bar';
import { historyPlans, type HistoryRequest } from '../runs/plans';
import { dayOf, type DayRange, rangeText } from '../runs/run';
import { createDaily } from './create-daily';
import { type DailyObserver, type DailyResult } from './daily-job';
import { dayBefore, type DailyPlan, type DailyRun } from './daily-run';
import { DailyStore } from './daily-store';
import { DailyMetrics, MetricsPush } from './reports';

const USAGE = `Loads the orders of yesterday (UTC), builds the warehouse with dbt, and compares the daily aggregate with the raw tables.
  npm run daily
      [--from 2026-01-01 --to 2026-01-31]     these days in place of yesterday; dbt rebuilds them
      [--scheduled-at 2026-02-01T02:00:00Z]   in place of the start of today: a time is run once, and a second start resumes or
                                              does nothing
      [--rows N] [--scenario NAME] [--seed N] [--partition day|month]   as in npm run batch
  npm run daily -- list [--limit N]
Exit codes: 0 the run has succeeded, now or before; 1 it has failed, was stopped, or another one is under way; 2 wrong
arguments or settings.
`;

const EXIT = { ok: 0, failed: 1, usage: 2 } as const;

/** Runs a command of the daily run. @returns the exit code */
export async function runDaily(args: readonly string[], terminal: Terminal, signal: AbortSignal): Promise<number> {
  try {
    const now = new Date();
    const settings = loadSettings(batchLoaderSettings);
    const scheduledAt = settings.daily.scheduledAt ?? `${dayOf(now.getTime())}T00:00:00Z`;
    const parsed = parseArguments(['--scheduled-at', scheduledAt, ...args], now);
    if (parsed.help) {
      terminal.write(USAGE);
      return EXIT.ok;
    }
    const [word] = parsed.words;
    if (word !== undefined && word !== 'list') throw new UsageError(`There is no command ${word}.`);
    if (parsed.isDryRun || parsed.file !== undefined) {
      throw new UsageError('--dry-run and --file belong to npm run batch.');
    }
    return await (word === 'list'
      ? list(parsed.limit, settings, terminal)
      : start(planOf(parsed, settings, now), settings, terminal, signal));
  } catch (error) {
    if (error instanceof UsageError || error instanceof ConfigError) {
      terminal.write(`${error.message}\n${error instanceof UsageError ? `\n${USAGE}` : ''}`);
      return EXIT.usage;
    }
    if (signal.aborted) {
      terminal.write(`${String(signal.reason)}\n`);
      return EXIT.failed;
    }
    if (!(error instanceof OrderstreamError)) throw error;
    terminal.write(`${error.code}: ${error.message}\n`);
    return EXIT.failed;
  }
}

/** @throws UsageError if the days have not ended */
export function planOf(
  request: Omit<HistoryRequest, 'range'> & { readonly range?: DayRange | undefined },
  { batch }: Pick<BatchLoaderSettings, 'batch'>,
  now: Date,
): DailyPlan {
  const { range, scheduledAt } = request;
  const days = range ?? dayBefore(scheduledAt);
  if (days.to > dayOf(now.getTime())) {
    throw new UsageError(`The day before ${scheduledAt} has not ended yet (UTC).`);
  }
  const runs = historyPlans({ ...request, range: days }, batch);
  return { scheduledAt, range: days, isBackfill: range !== undefined, runs };
}

async function start(
  planned: DailyPlan,
  settings: BatchLoaderSettings,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<number> {
  const { pushUrl, execution, taskAttempt } = settings.daily;
  // The structured log is for a machine; a person reads the lines of the steps.
  const logger = createLogger({
    service: 'batch-loader',
    level: terminal.isTTY === true ? 'error' : settings.service.logLevel,
  });
  const metrics = new Metrics({ app: 'batch-loader', processMetrics: false });
  const observers: DailyObserver[] = [
    stepLines(terminal),
    new DailyMetrics(metrics),
    ...(pushUrl === undefined ? [] : [new MetricsPush(pushUrl, metrics, logger)]),
  ];
  const batch = createBatch(settings, logger, new ProgressBar(terminal));
  const onLine = (line: string) => terminal.write(`  ${line}\n`);
  const { job, runs } = createDaily(settings, batch, logger, { observers, onLine });
  const plan = execution === undefined ? planned : await planOfExecution(runs, execution, planned);
  const startedBy =
    execution === undefined ? `process ${process.pid}` : `cloud run ${execution}, attempt ${taskAttempt}`;
  const result = await job.run(plan, startedBy, signal);
  terminal.write(`${endText(result)}\n`);
  return result.outcome === 'succeeded' || result.outcome === 'repeated' ? EXIT.ok : EXIT.failed;
}

/** A later attempt of an execution may begin on the next day. It goes on with the run of the first one. */
async function planOfExecution(runs: DailyStore, execution: string, planned: DailyPlan): Promise<DailyPlan> {
  const first = await runs.planOf(execution);
  if (first === undefined) await runs.recordExecution(execution, planned);
  return first ?? planned;
}

const stepLines = (terminal: Terminal): DailyObserver => ({
  stepEnded: ({ id }, step, { state, summary, error, attempt }) => {
    const text = summary ?? error;
    terminal.write(
      `${id}: ${step} ${state}${attempt === 1 ? '' : ` (attempt ${attempt})`}${text === undefined ? '' : `: ${text}`}\n`,
    );
  },
});

function endText({ outcome, run: { id, plan, endedAt, error } }: DailyResult): string {
  switch (outcome) {
    case 'repeated':
      return `${id}: has succeeded before (${endedAt ?? ''}); nothing to do. Another time: --scheduled-at.`;
    case 'succeeded':
      return `${id}: succeeded, ${rangeText(plan.range)}`;
    case 'failed':
    case 'stopped':
      return `${id}: ${outcome}: ${error ?? ''}\nResume it: npm run daily -- ${resumeArguments(plan)}`;
  }
}

const resumeArguments = ({ scheduledAt, range, isBackfill }: DailyPlan): string => {
  const [from = '', to = ''] = rangeText(range).split(' to ');
  return `--scheduled-at ${scheduledAt}${isBackfill ? ` --from ${from} --to ${to}` : ''}`;
};

async function list(limit: number, settings: BatchLoaderSettings, terminal: Terminal): Promise<number> {
  const { store } = createBatch(settings, createLogger({ service: 'batch-loader', level: 'warn' }));
  for (const run of await new DailyStore(store).list(limit)) terminal.write(`${lineOf(run)}\n`);
  return EXIT.ok;
}

const lineOf = ({ id, state, plan, createdAt, endedAt, error }: DailyRun): string =>
  `${id}  ${state}  ${rangeText(plan.range)}  ${createdAt}${endedAt === undefined ? '' : ` to ${endedAt}`}${error === undefined ? '' : `  ${error.split('\n')[0] ?? ''}`}`;
