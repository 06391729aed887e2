import { type BeforeApplicationShutdown, HttpStatus, Inject, Injectable } from '@nestjs/common';
import { bigqueryDependency, createBigQuery } from '@orderstream/bigquery';
import { kafkaDependency, createKafka } from '@orderstream/kafka';
import { type Logger, type Metrics } from '@orderstream/observability';
import {
  type Dependency,
  LOGGER,
  METRICS,
  ProblemException,
  type ServiceControl,
  SETTINGS,
} from '@orderstream/service';
import { type Batch, createBatch } from '../batch';
import { type BatchLoaderSettings } from '../batch-loader.config';
import { parseArguments, UsageError } from '../commands/arguments';
import { BatchInputError, RunRejectedError } from '../errors';
import { historyPlans } from '../runs/plans';
import { type RunRecord } from '../runs/run';
import { runMetrics } from '../runs/run-metrics';
import { type RunObserver } from '../runs/runner';
import { type RunHandle } from '../runs/run-store';
import { type BatchStatusDto } from './batch-status.dto';
import { RunQueue } from './run-queue';
import { type RunDto, runView } from './run-view.dto';
import { type StartRunDto } from './runs.dto';

/** Runs that wait. More are rejected. */
const MAX_WAITING = 100;
const MS_PER_SECOND = 1_000;

/**
 * The batch as a service.
 *
 * Failure semantics: what it has done is in the object store, as after a run of the terminal. What waits is lost with the
 * process: such a run stays `waiting` until an operator resumes it.
 */
@Injectable()
export class BatchService implements ServiceControl, BeforeApplicationShutdown {
  private readonly batch: Batch;
  private readonly queue: RunQueue;

  constructor(
    @Inject(SETTINGS) private readonly settings: BatchLoaderSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.batch = createBatch(settings, logger, this.observer(metrics));
    const { runs, runner } = this.batch;
    this.queue = new RunQueue({
      carryOut: async (id, signal) => runner.resume(await runs.get(id), signal),
      leaseMs: settings.batch.leaseSeconds * MS_PER_SECOND,
      logger,
    });
  }

  dependencies(): readonly Dependency[] {
    const { bigquery, kafka } = this.settings;
    return [bigqueryDependency(createBigQuery(bigquery), bigquery), kafkaDependency(createKafka(kafka, this.logger))];
  }

  prepare(): Promise<void> {
    return this.batch.warehouse.prepare();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.queue.stop();
  }

  status(): BatchStatusDto {
    return this.queue.status();
  }

  pause(): Promise<void> {
    throw notPausable();
  }

  /** Of a service that cannot be paused. See `resumeRun`. */
  resume(): Promise<void> {
    throw notPausable();
  }

  async list(limit: number): Promise<readonly RunDto[]> {
    const records = await this.batch.runs.list(limit);
    const held = await this.batch.lock.holders();
    return records.map((record) => runView(record, held));
  }

  async show(id: string): Promise<RunDto> {
    const { record } = await this.handle(id);
    return runView(record, await this.batch.lock.holders());
  }

  /** @returns a run for each part of the range; `isNew` unless all of them were started before and have succeeded */
  async start(body: StartRunDto): Promise<{ readonly runs: readonly RunDto[]; readonly isNew: boolean }> {
    const plans = this.plansOf(body);
    if (this.queue.size + plans.length > MAX_WAITING) {
      const detail = `${this.queue.size} runs wait; at most ${MAX_WAITING} can. Start a shorter range, or months in place of days.`;
      throw new ProblemException(HttpStatus.CONFLICT, detail);
    }
    const records: RunRecord[] = [];
    for (const plan of plans) {
      const { record } = await rejected(() => this.batch.runs.openRun(plan, new Date().toISOString()));
      assertResumable(record);
      records.push(record);
    }
    const open = records.filter(({ state }) => state !== 'succeeded');
    this.queue.add(open.map(({ id }) => id));
    return { runs: await this.views(records), isNew: open.length > 0 };
  }

  async resumeRun(id: string): Promise<RunDto> {
    const { record } = await this.handle(id);
    assertResumable(record);
    if (record.state !== 'succeeded') this.queue.add([id]);
    return this.show(id);
  }

  async cancel(id: string): Promise<RunDto> {
    const handle = await this.handle(id);
    await rejected(() => this.batch.runner.cancel(handle, new AbortController().signal));
    return this.show(id);
  }

  private plansOf({ from, to, rows, scenario, scheduledAt, partition }: StartRunDto) {
    const args = ['--from', from, '--to', to, ...(scheduledAt === undefined ? [] : ['--scheduled-at', scheduledAt])];
    try {
      const { range, scheduledAt: scheduled } = parseArguments(args, new Date());
      if (range === undefined) throw new TypeError('the range is missing');
      this.batch.loadScenario(scenario ?? this.settings.batch.scenario);
      return historyPlans({ range, scheduledAt: scheduled, rows, scenario, partition }, this.settings.batch);
    } catch (error) {
      if (!(error instanceof UsageError || error instanceof BatchInputError)) throw error;
      const detail = error.message.replaceAll('--scheduled-at', 'scheduledAt').replaceAll('--', '');
      throw new ProblemException(HttpStatus.BAD_REQUEST, detail);
    }
  }

  private async views(records: readonly RunRecord[]): Promise<readonly RunDto[]> {
    const held = await this.batch.lock.holders();
    return records.map((record) => runView(record, held));
  }

  private async handle(id: string): Promise<RunHandle> {
    const found = await this.batch.runs.find(id);
    if (found !== undefined) return found;
    throw new ProblemException(HttpStatus.NOT_FOUND, `There is no run ${id}. GET /admin/runs lists them.`);
  }

  private observer(metrics: Metrics): RunObserver {
    const { logger } = this;
    return {
      ...runMetrics(metrics),
      progress: (_run, block, done, total) => {
        this.queue.progress(block, done, total);
      },
      ended: ({ id, state, error }) => {
        if (state === 'succeeded') logger.info({ run: id }, 'the run has succeeded');
        else logger.error({ run: id, state, error }, 'the run has not succeeded');
      },
    };
  }
}

function assertResumable({ id, state }: RunRecord): void {
  if (state !== 'cancelled') return;
  throw new ProblemException(HttpStatus.CONFLICT, `Run ${id} was cancelled. Start a run with another scheduledAt.`);
}

/** What the state of a run does not allow is a conflict. */
async function rejected<T>(command: () => Promise<T>): Promise<T> {
  try {
    return await command();
  } catch (error) {
    if (!(error instanceof RunRejectedError)) throw error;
    throw new ProblemException(HttpStatus.CONFLICT, error.message, { code: error.code });
  }
}

const notPausable = (): ProblemException =>
  new ProblemException(
    HttpStatus.CONFLICT,
    'The batch loader takes no records by itself. Cancel a run: POST /admin/runs/{id}/cancel.',
  );
