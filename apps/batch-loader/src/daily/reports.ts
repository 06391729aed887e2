import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { rangeText } from '../runs/run';
import { type DailyObserver } from './daily-job';
import { type DailyRun, STEPS } from './daily-run';
import { deliver, type Delivery } from './deliver';

type Log = Pick<Logger, 'error'>;
/** What tests shorten. */
type Timing = Pick<Delivery, 'firstPauseMs' | 'timeoutMs'>;

const MS_PER_SECOND = 1_000;

/**
 * Reports a daily run that has failed to `ALERT_WEBHOOK_URL`.
 *
 * Failure semantics: at least once, if the receiver answers within the deadline of one of the attempts. If it does not,
 * the log says so; log and exit code report the run itself in any case.
 */
export class FailureAlert implements DailyObserver {
  constructor(
    private readonly url: string,
    private readonly logger: Log,
    private readonly timing: Timing = {},
  ) {}

  async ended(run: DailyRun): Promise<void> {
    if (run.state === 'succeeded') return;
    const { id, plan, error, steps } = run;
    const step = STEPS.find((name) => steps[name]?.state === 'failed');
    const text = `Daily run ${id} (${rangeText(plan.range)}) has failed${step === undefined ? '' : ` at its step ${step}`}: ${error ?? ''}`;
    const body = JSON.stringify({ text, run });
    await reportOrLog({ url: this.url, contentType: 'application/json', body, ...this.timing }, id, this.logger);
  }
}

/** The metrics of daily runs. */
export class DailyMetrics implements DailyObserver {
  constructor(private readonly metrics: Metrics) {}

  ended(run: DailyRun): void {
    this.metrics.counter(METRIC.dailyRuns).inc({ state: run.state });
    this.show(run);
  }

  /** Shows a run of this or another process. */
  show({ state, endedAt, steps }: DailyRun): void {
    if (state === 'succeeded' && endedAt !== undefined) {
      this.metrics.gauge(METRIC.dailyRunLastSuccess).set(Date.parse(endedAt) / MS_PER_SECOND);
    }
    const seconds = this.metrics.gauge(METRIC.dailyRunStepSeconds);
    for (const name of STEPS) {
      const { startedAt, endedAt: stepEndedAt } = steps[name] ?? {};
      if (startedAt === undefined || stepEndedAt === undefined) continue;
      seconds.set({ step: name }, (Date.parse(stepEndedAt) - Date.parse(startedAt)) / MS_PER_SECOND);
    }
  }
}

/** Pushes the metrics of a process that ends with its daily run to a Pushgateway. */
export class MetricsPush implements DailyObserver {
  constructor(
    private readonly url: string,
    private readonly metrics: Metrics,
    private readonly logger: Log,
    private readonly timing: Timing = {},
  ) {}

  /** A POST leaves the metrics that it does not have as they are: the time of the last success, after a failure. */
  async ended({ id }: DailyRun): Promise<void> {
    const url = `${this.url.replace(/\/$/, '')}/metrics/job/orderstream-daily`;
    const { registry } = this.metrics;
    const body = await registry.metrics();
    await reportOrLog({ url, contentType: registry.contentType, body, ...this.timing }, id, this.logger);
  }
}

async function reportOrLog(delivery: Delivery, run: string, logger: Log): Promise<void> {
  try {
    await deliver(delivery);
  } catch (error) {
    logger.error({ err: error, run }, 'a report of the daily run could not be delivered');
  }
}
