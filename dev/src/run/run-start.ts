import { parse as parsePath, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { eventsSince, type JournalMark, markJournal, NoProgressError, RunVerifier } from '@orderstream/ledger';
import { prepareDbt } from '../dbt/prepare-dbt';
import { WarehouseRefresh } from '../dbt/warehouse-refresh';
import { EXIT } from '../errors';
import { FirstHistory } from '../history/first-history';
import { type StackPaths } from '../paths';
import { type Progress } from '../progress';
import { generatorStatus, validatorStatus } from '../stack/service-status';
import { LocalStack, type LocalStackContext } from '../stack/local-stack';
import { DATASET, type GeneratorOptions } from '../stack/services';
import { type StartOptions } from './cli';
import { formatLiveLine, readLiveCounts } from './live-line';
import { isGood, type RunResult, summaryJson, summaryLines } from './summary';

const LIVE_INTERVAL_MS = { terminal: 1_000, log: 5_000 } as const;

/**
 * Runs the stack and the generator until the signal, or with `--exit` until every event is accounted for.
 *
 * @returns the exit code; after a signal the caller decides
 */
export async function runStart(
  options: StartOptions,
  context: LocalStackContext,
  result: NodeJS.WritableStream,
): Promise<number> {
  const { progress, paths } = context;
  const startedAt = performance.now();
  const mark = markJournal(paths.ledger);
  const stack = await LocalStack.start(context, {
    rate: options.rate,
    remainingEvents: () => remainingEvents(options.events, paths, mark),
    seed: options.seed,
    defectRate: options.defectRate,
    ...scenarioOf(options.scenario),
  });
  const liveLine = new AbortController();
  const { project: projectId, bigqueryApi: apiEndpoint } = stack.endpoints;
  const warehouse = new WarehouseRefresh({
    ...context,
    warehouse: { apiEndpoint, projectId, dataset: DATASET },
    prepare: (signal) => prepareDbt({ ...context, signal, isInBackground: true }),
  });
  const history = new FirstHistory({ paths, progress, orders: options.history });
  const signal = AbortSignal.any([context.signal, stack.failed]);
  try {
    const verifier = new RunVerifier({
      kafka: stack.createKafka(),
      tables: stack.createTableReader(),
      generator: async () => generatorStatus.parse(await stack.clients['order-generator'].status()),
      validator: async () => validatorStatus.parse(await stack.clients.validator.status()),
      ledgerFolder: paths.ledger,
      signal,
    });
    const opening = options.exit ? await verifier.start(mark) : undefined;
    const generatorStartedAt = performance.now();
    await stack.startGenerator();
    progress.line(`Running after ${((performance.now() - startedAt) / 1000).toFixed(1)} s. Ctrl-C stops it.`);
    // A run that ends by itself has nobody who operates it, and is about the stream.
    if (!options.exit) {
      stack.startConsole();
      history.start(stack.startBatchLoader());
      warehouse.start(history.done);
    }
    void showLiveLine(stack, warehouse, progress, AbortSignal.any([signal, liveLine.signal]));
    if (opening === undefined || options.events === undefined) {
      await untilAborted(signal);
      stack.failed.throwIfAborted();
      return EXIT.ok;
    }
    let stalled: NoProgressError | undefined;
    try {
      await verifier.waitUntilDone(opening, options.events);
    } catch (error) {
      if (!(error instanceof NoProgressError)) throw error;
      stalled = error;
    }
    const seconds = (performance.now() - generatorStartedAt) / 1000;
    liveLine.abort();
    const run: RunResult = { ...(await verifier.compare(opening)), seconds, stalled: stalled?.message };
    for (const line of summaryLines(run)) progress.line(line);
    if (options.json) result.write(`${summaryJson(run)}\n`);
    if (stalled !== undefined) return EXIT.noProgress;
    return isGood(run) ? EXIT.ok : EXIT.notAccountedFor;
  } catch (error) {
    // Otherwise the error of whatever was under way when all processes were killed.
    stack.failed.throwIfAborted();
    throw error;
  } finally {
    liveLine.abort();
    progress.endLive();
    progress.line('Stopping:');
    await warehouse.stop();
    await history.stop();
    await stack.stop();
    progress.line('Stopped.');
  }
}

/** A scenario's name, or the path of its file: the folder is searched for it then. */
function scenarioOf(scenario: string | undefined): Pick<GeneratorOptions, 'scenario' | 'scenarioDir'> {
  const { dir, name, ext } = parsePath(resolve(scenario ?? ''));
  return ext === '.yaml' ? { scenario: name, scenarioDir: dir } : { scenario };
}

/** Events that a restarted generator still has to generate, beside those that it sends again. */
function remainingEvents(events: number | undefined, paths: StackPaths, mark: JournalMark): number | undefined {
  if (events === undefined) return undefined;
  return Math.max(0, events - eventsSince(paths.ledger, mark));
}

async function showLiveLine(
  stack: LocalStack,
  warehouse: WarehouseRefresh,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const startedAt = performance.now();
  const tables = stack.createTableReader();
  const intervalMs = process.stderr.isTTY ? LIVE_INTERVAL_MS.terminal : LIVE_INTERVAL_MS.log;
  const ended = untilAborted(signal).then(() => true);
  while (!(await Promise.race([ended, delay(intervalMs, false, { ref: false })]))) {
    const counts = await readLiveCounts(stack.clients, tables);
    const text = formatLiveLine((performance.now() - startedAt) / 1000, counts, stack.status(), warehouse.state);
    if (!isAborted(signal)) progress.live(text);
  }
  progress.endLive();
}

const isAborted = (signal: AbortSignal): boolean => signal.aborted;

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else {
      // A pending promise does not keep the process running.
      const keepAlive = setInterval(() => undefined, 60_000);
      signal.addEventListener('abort', () => {
        clearInterval(keepAlive);
        resolve();
      });
    }
  });
}
