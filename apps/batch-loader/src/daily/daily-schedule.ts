import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { type Logger, type Metrics } from '@orderstream/observability';
import { LOGGER, METRICS, SETTINGS } from '@orderstream/service';
import { type Batch, createBatch } from '../batch';
import { type BatchLoaderSettings } from '../batch-loader.config';
import { runMetrics } from '../runs/run-metrics';
import { type RunObserver } from '../runs/runner';
import { createDaily, type Daily } from './create-daily';
import { CronTimes } from './cron';
import { planOf } from './daily-command';
import { dailyIdOf, type DailyPlan, type DailyRun, daysBefore } from './daily-run';
import { DailyStore } from './daily-store';
import { DailyLockedError } from './errors';
import { followSchedule } from './follow-schedule';
import { type RefreshStatus } from './model-refresh';
import { DailyMetrics } from './reports';

const SHOW_RUNS_MS = 60_000;
const LISTED_RUNS = 10;
const STARTED_BY = 'schedule';

export interface DailyStatus {
  readonly schedule: string | null;
  /** RFC 3339 UTC. */
  readonly nextRun: string | null;
  /** Id of the run that this instance is carrying out. */
  readonly running: string | null;
  /** Of this instance; null without a schedule. */
  readonly refresh: RefreshStatus | null;
}

/**
 * Starts the daily run at the times of `BATCH_SCHEDULE`, one at a time.
 *
 * Failure semantics: a scheduled time is a part of the run's id, so each is run once, also by several instances. A start
 * of the service resumes the runs of the schedule that were killed or stopped, and then runs the latest time of the last
 * day if it was missed. A run that has failed is left for an operator: it is reported, and the next time is run as usual.
 */
@Injectable()
export class DailySchedule implements BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly times: CronTimes | undefined;
  private readonly shown: DailyMetrics;
  private readonly batch: Batch;
  private readonly runs: DailyStore;
  private readonly daily: Daily | undefined;
  private working: Promise<unknown> = Promise.resolve();
  private running: string | undefined;

  constructor(
    @Inject(SETTINGS) private readonly settings: BatchLoaderSettings,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.shown = new DailyMetrics(metrics);
    this.batch = createBatch(settings, logger, this.observer(metrics));
    this.runs = new DailyStore(this.batch.store);
    const { schedule } = settings.daily;
    if (schedule === undefined) return;
    this.times = new CronTimes(schedule);
    this.daily = createDaily(settings, this.batch, logger, { observers: [this.shown] });
  }

  /** Begins to follow the schedule. To be called when the tables exist. */
  start(): void {
    const work: Promise<void>[] = [this.showRuns()];
    const { times, daily } = this;
    if (times !== undefined && daily !== undefined) {
      work.push(this.follow(times, daily), daily.refresh.follow(this.stopping.signal));
    }
    this.working = Promise.all(work);
  }

  /** A run in progress stops between two steps; the next start resumes it. */
  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort(new Error('the service stops'));
    await this.working;
  }

  status(): DailyStatus {
    return {
      schedule: this.settings.daily.schedule ?? null,
      nextRun: this.times?.after(new Date())?.toISOString() ?? null,
      running: this.running ?? null,
      refresh: this.daily?.refresh.status() ?? null,
    };
  }

  /** Also those of other processes. */
  latest(): Promise<readonly DailyRun[]> {
    return this.runs.list(LISTED_RUNS);
  }

  private async follow(times: CronTimes, daily: Daily): Promise<void> {
    const { signal } = this.stopping;
    await this.resumeInterrupted(daily);
    await followSchedule({
      times,
      signal,
      now: () => new Date(),
      // Rejects when the service stops.
      sleep: (ms) => delay(ms, undefined, { signal }).catch(() => undefined),
      run: (due, isCatchUp) => this.runAt(due.toISOString().replace('.000Z', 'Z'), daily, isCatchUp),
    });
  }

  /** Also those of a time before the latest one. */
  private async resumeInterrupted(daily: Daily): Promise<void> {
    await this.orLog('interrupted runs', async () => {
      const interrupted = (await this.latest()).filter((run) => run.state === 'running' && isOfSchedule(run));
      for (const { plan } of interrupted.reverse()) await this.carryOut(plan, daily);
    });
  }

  private async runAt(scheduledAt: string, daily: Daily, isCatchUp: boolean): Promise<void> {
    await this.orLog(scheduledAt, async () => {
      const begun = (await this.latest()).find((run) => run.plan.scheduledAt === scheduledAt && isOfSchedule(run));
      if (isCatchUp && begun !== undefined && begun.state !== 'running') return;
      await this.carryOut(begun?.plan ?? (await this.planAt(scheduledAt)), daily);
    });
  }

  private async carryOut(plan: DailyPlan, { job }: Daily): Promise<void> {
    this.running = dailyIdOf(plan);
    await this.orLog(plan.scheduledAt, () =>
      job.run(plan, `${STARTED_BY}, process ${process.pid}`, this.stopping.signal),
    );
    this.running = undefined;
  }

  /** One day; the first run loads a history, unless `raw_orders` has orders of it, which may be real ones. */
  private async planAt(scheduledAt: string): Promise<DailyPlan> {
    const { firstDays } = this.settings.daily;
    const history = daysBefore(scheduledAt, firstDays);
    const isFirst =
      firstDays > 1 &&
      (await this.runs.list(1)).length === 0 &&
      (await this.batch.warehouse.rangeSummary(history)).rows === 0;
    return planOf({ scheduledAt, range: isFirst ? history : undefined }, this.settings, new Date());
  }

  /** The schedule goes on, whatever becomes of one time. */
  private async orLog(scheduledAt: string, work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      if (error instanceof DailyLockedError)
        this.logger.warn({ err: error, scheduledAt }, 'the scheduled run is left out');
      else this.logger.error({ err: error, scheduledAt }, 'the scheduled run could not start');
    }
  }

  /** Shows the metrics of runs of other processes: `npm run daily`, Cloud Run. */
  private async showRuns(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        const latest = (await this.latest()).filter(({ endedAt }) => endedAt !== undefined);
        latest.sort((a, b) => (a.endedAt ?? '').localeCompare(b.endedAt ?? ''));
        for (const run of latest) this.shown.show(run);
      } catch (error) {
        this.logger.warn({ err: error }, 'cannot read the daily runs');
      }
      await delay(SHOW_RUNS_MS, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }

  private observer(metrics: Metrics): RunObserver {
    return {
      ...runMetrics(metrics),
      ended: ({ id, state, error }) => {
        this.logger.info({ run: id, state, error }, 'a batch run of the daily run has ended');
      },
    };
  }
}

/** A run has no starts yet when its process was killed right after it was recorded. */
const isOfSchedule = ({ startedBy: [first] }: DailyRun): boolean => first?.startsWith(STARTED_BY) ?? true;
