import { type BeforeApplicationShutdown, HttpStatus, Inject, Injectable } from '@nestjs/common';
import { bigqueryDependency, createBigQuery } from '@orderstream/bigquery';
import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { type Dependency, LOGGER, METRICS, ProblemException, SETTINGS } from '@orderstream/service';
import { type Batch, createBatch } from '../batch';
import { type BatchLoaderSettings } from '../batch-loader.config';
import { parseArguments, UsageError } from '../commands/arguments';
import { RunRejectedError } from '../errors';
import { type RunHandle } from '../runs/run-store';
import { partitionsOf, runIdOf, type RunPlan, type RunRecord } from '../runs/run';
import { type StartRunDto } from './runs.dto';

/** Runs that wait. More are rejected. */
const MAX_WAITING = 100;

/** Runs that are started over HTTP: one at a time, in the order of the requests. */
@Injectable()
export class BatchService implements BeforeApplicationShutdown {
  private readonly batch: Batch;
  private readonly stopping = new AbortController();
  private readonly waiting: (() => Promise<RunRecord>)[] = [];
  private working: Promise<void> | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: BatchLoaderSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    const blocks = metrics.counter(METRIC.batchBlocks);
    const rows = metrics.counter(METRIC.batchRows);
    this.batch = createBatch(settings, logger, {
      blockEnded: (_run, block, { state, output }) => {
        blocks.inc({ block, state });
        if (output === undefined) return;
        rows.inc({ block, outcome: 'out' }, output.rowsOut);
        for (const count of Object.values(output.rejected)) rows.inc({ block, outcome: 'rejected' }, count);
      },
      ended: ({ id, state, error }) => {
        if (state === 'succeeded') logger.info({ run: id }, 'the run has succeeded');
        else logger.error({ run: id, state, error }, 'the run has not succeeded');
      },
    });
  }

  dependencies(): readonly Dependency[] {
    const { bigquery } = this.settings;
    return [bigqueryDependency(createBigQuery(bigquery), bigquery)];
  }

  prepare(): Promise<void> {
    return this.batch.warehouse.prepare();
  }

  /** A run in progress stops between two steps, and can be resumed. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort(new Error('the service stops'));
    this.waiting.length = 0;
    await this.working;
  }

  list(limit: number): Promise<readonly RunRecord[]> {
    return this.batch.runs.list(limit);
  }

  async show(id: string): Promise<RunRecord> {
    return (await this.handle(id)).record;
  }

  /** Starts a run for each month or day of the range. @returns their ids */
  start({ from, to, rows, scenario, scheduledAt, partition }: StartRunDto): readonly string[] {
    const args = ['--from', from, '--to', to, ...(scheduledAt === undefined ? [] : ['--scheduled-at', scheduledAt])];
    const { range, scheduledAt: scheduled } = parsed(args);
    if (range === undefined) throw new TypeError('the range is missing');
    const { seed, scenario: usual, partition: by } = this.settings.batch;
    const source: RunPlan['source'] = {
      kind: 'simulation',
      seed: String(seed),
      scenario: scenario ?? usual,
      ...(rows !== undefined && { rate: { ...range, orders: rows } }),
    };
    const plans = partitionsOf(range, partition ?? by).map((each): RunPlan => ({
      pipeline: 'load_batch_to_bq',
      scheduledAt: scheduled,
      range: each,
      source,
    }));
    this.enqueue(plans.map((plan) => () => this.batch.runner.run(plan, this.stopping.signal)));
    return plans.map(runIdOf);
  }

  async resume(id: string): Promise<RunRecord> {
    const handle = await this.handle(id);
    this.enqueue([() => this.batch.runner.resume(handle, this.stopping.signal)]);
    return handle.record;
  }

  async cancel(id: string): Promise<RunRecord> {
    try {
      await this.batch.runner.cancel(await this.handle(id), this.stopping.signal);
    } catch (error) {
      if (!(error instanceof RunRejectedError)) throw error;
      throw new ProblemException(HttpStatus.CONFLICT, error.message, { code: error.code });
    }
    return this.show(id);
  }

  private async handle(id: string): Promise<RunHandle> {
    const found = await this.batch.runs.find(id);
    if (found !== undefined) return found;
    throw new ProblemException(HttpStatus.NOT_FOUND, `There is no run ${id}. GET /admin/runs lists them.`);
  }

  private enqueue(runs: readonly (() => Promise<RunRecord>)[]): void {
    if (this.waiting.length + runs.length > MAX_WAITING) {
      const detail = `${this.waiting.length} runs wait; at most ${MAX_WAITING} can. Start a shorter range, or months in place of days.`;
      throw new ProblemException(HttpStatus.CONFLICT, detail);
    }
    this.waiting.push(...runs);
    this.working ??= this.work().finally(() => {
      this.working = undefined;
    });
  }

  private async work(): Promise<void> {
    for (let run = this.waiting.shift(); run !== undefined; run = this.waiting.shift()) {
      try {
        await run();
      } catch (error) {
        this.logger.error({ err: error }, 'a run could not start');
      }
    }
  }
}

function parsed(args: readonly string[]) {
  try {
    return parseArguments(args, new Date());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    const detail = error.message.replaceAll('--scheduled-at', 'scheduledAt').replaceAll('--', '');
    throw new ProblemException(HttpStatus.BAD_REQUEST, detail);
  }
}
