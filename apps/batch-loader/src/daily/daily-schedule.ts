import { setTimeout as delay } from 'node:timers/promises';
import { type BeforeApplicationShutdown, Inject, Injectable } from '@nestjs/common';
import { type Logger, type Metrics } from '@orderstream/observability';
import { LOGGER, METRICS, SETTINGS } from '@orderstream/service';
import { createBatch } from '../batch';
import { type BatchLoaderSettings } from '../batch-loader.config';
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
 * of the service runs the latest time of the last day if it was missed, or its run was killed or stopped. A run that has
 * failed is left for an operator: it is reported, and the next time is run as usual.
 */
@Injectable()
export class DailySchedule implements BeforeApplicationShutdown {
  private readonly stopping = new AbortController();
  private readonly times: CronTimes | undefined;
  private readonly shown: DailyMetrics;
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
    const batch = createBatch(settings, logger, this.observer());
    this.runs = new DailyStore(batch.store);
    const { schedule } = settings.daily;
    if (schedule === undefined) return;
    this.times = new CronTimes(schedule);
    this.daily = createDaily(settings, batch, logger, { observers: [this.shown] });
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

  private follow(times: CronTimes, daily: Daily): Promise<void> {
    const { signal } = this.stopping;
    return followSchedule({
      times,
      signal,
      now: () => new Date(),
      // Rejects when the service stops.
      sleep: (ms) => delay(ms, undefined, { signal }).catch(() => undefined),
      run: (due, isCatchUp) => this.runAt(due, daily, isCatchUp),
    });
  }

  private async runAt(due: Date, { job }: Daily, isCatchUp: boolean): Promise<void> {
    const scheduledAt = due.toISOString().replace('.000Z', 'Z');
    try {
      const plan = await this.planAt(scheduledAt);
      const id = dailyIdOf(plan);
      const before = await this.runs.find(id);
      if (isCatchUp && before !== undefined && before.run.state !== 'running') return;
      this.running = id;
      await job.run(plan, `${STARTED_BY}, process ${process.pid}`, this.stopping.signal);
    } catch (error) {
      if (this.stopping.signal.aborted) return;
      if (error instanceof DailyLockedError)
        this.logger.warn({ err: error, scheduledAt }, 'the scheduled run is left out');
      else this.logger.error({ err: error, scheduledAt }, 'the scheduled run could not start');
    } finally {
      this.running = undefined;
    }
  }

  /** The first run of the schedule loads the history, also when it is resumed. */
  private async planAt(scheduledAt: string): Promise<DailyPlan> {
    const begun = (await this.latest()).find(
      ({ plan, startedBy }) => plan.scheduledAt === scheduledAt && startedBy[0]?.startsWith(STARTED_BY) === true,
    );
    if (begun !== undefined) return begun.plan;
    const { firstDays } = this.settings.daily;
    const isFirst = firstDays > 1 && (await this.runs.list(1)).length === 0;
    const range = isFirst ? daysBefore(scheduledAt, firstDays) : undefined;
    return planOf({ scheduledAt, range }, this.settings, new Date());
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

  private observer(): RunObserver {
    return {
      ended: ({ id, state, error }) => {
        this.logger.info({ run: id, state, error }, 'a batch run of the daily run has ended');
      },
    };
  }
}
