import { setTimeout as delay } from 'node:timers/promises';
import { Inject, Injectable } from '@nestjs/common';
import { type Plan, ReplayPlans, ReplayUnavailableError } from '@orderstream/dead-letters';
import { type Health, type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { HEALTH, LOGGER, METRICS } from '@orderstream/service';
import { type LetterDto } from '../dead-letters/letter.dto';
import { DeadLetters } from '../dead-letters/dead-letters';
import { letterView } from '../dead-letters/letter-view';
import { ConsoleProblem } from '../problems';

/** Previews whose samples are in memory. */
const MAX_SAMPLED = 100;
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 30_000;

/** Replay plans as the API shows them: with the letters of their samples, and in pages. */
@Injectable()
export class Replays {
  private readonly stopping = new AbortController();
  private opening: Promise<void> | undefined;
  private isOpen = false;
  private error = 'they are being read';
  /** By plan and time of its preview: a preview does not change. */
  private readonly samples = new Map<string, readonly LetterDto[]>();

  constructor(
    @Inject(ReplayPlans) private readonly plans: ReplayPlans,
    private readonly deadLetters: DeadLetters,
    @Inject(LOGGER) private readonly logger: Logger,
    @Inject(HEALTH) health: Health,
    @Inject(METRICS) metrics: Metrics,
  ) {
    this.observe(metrics);
    health.live('replays', () => {
      const { failed } = this.plans;
      return failed === undefined ? { ok: true } : { ok: false, detail: failed.message };
    });
  }

  /** Why plans are not available; undefined when they are. */
  get unavailable(): string | undefined {
    return this.isOpen ? undefined : this.error;
  }

  /** The plans. @throws ReplayUnavailableError until they are read: a plan that is not known yet is not an unknown one */
  opened(): ReplayPlans {
    if (!this.isOpen) throw new ReplayUnavailableError(this.error);
    return this.plans;
  }

  /** Opens the plans, and tries again until it is done: lists and groups of dead letters do not wait for it. */
  start(): void {
    if (!this.isStopping()) this.opening ??= this.open();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.opening === undefined) return;
    // Ends the opening too: it waits for the broker without end.
    await this.plans.close();
    await this.opening;
  }

  private async open(): Promise<void> {
    const { signal } = this.stopping;
    for (let pauseMs = FIRST_RETRY_MS; !signal.aborted; pauseMs = Math.min(2 * pauseMs, MAX_RETRY_MS)) {
      try {
        await this.plans.open();
        this.isOpen = true;
        return;
      } catch (error) {
        if (this.isStopping()) return;
        this.error = error instanceof Error ? error.message : String(error);
        this.logger.warn({ err: error }, 'replay plans are not available; it is retried');
      }
      const jitterMs = pauseMs / 2 + (Math.random() * pauseMs) / 2;
      await delay(jitterMs, undefined, { signal }).catch(() => undefined);
    }
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  /** Nothing until the plans are read: a console that starts must not look as if plans had ended meanwhile. */
  private observe(metrics: Metrics): void {
    metrics.gauge(METRIC.replayPlans, (gauge) => {
      if (!this.isOpen) return;
      for (const [state, count] of Object.entries(this.plans.figures().plans)) gauge.set({ state }, count);
    });
    metrics.counter(METRIC.replayLetters, (counter) => {
      if (!this.isOpen) return;
      const { cameBack, ...outcomes } = this.plans.figures().letters;
      counter.reset();
      for (const [outcome, count] of Object.entries(outcomes)) counter.inc({ outcome }, count);
      counter.inc({ outcome: 'came_back' }, cameBack);
    });
    metrics.gauge(METRIC.replayRate, (gauge) => {
      if (this.isOpen) gauge.set(this.plans.figures().ratePerSecond);
    });
    metrics.gauge(METRIC.replayIdle, (gauge) => {
      if (this.isOpen) gauge.set(this.plans.figures().idleSeconds);
    });
  }

  /** The letters of a preview's samples, as far as retention has left them. */
  async samplesOf({ id, preview }: Plan): Promise<readonly LetterDto[]> {
    if (preview === undefined) return [];
    const name = `${id} ${preview.at}`;
    const known = this.samples.get(name);
    if (known !== undefined) return known;
    const letters = await this.deadLetters.search.byId(preview.samples, letterView);
    const [oldest] = this.samples.keys();
    if (this.samples.size >= MAX_SAMPLED && oldest !== undefined) this.samples.delete(oldest);
    this.samples.set(name, letters);
    return letters;
  }

  /** They may be of a customer who is erased. */
  forgetSamples(): void {
    this.samples.clear();
  }

  /** @throws ConsoleProblem cursor-rejected */
  page(limit: number, cursor: string | undefined): { readonly plans: readonly Plan[]; readonly next?: string } {
    const all = this.opened().list();
    const from = cursor === undefined ? 0 : 1 + all.findIndex(({ id }) => id === planOf(cursor));
    if (cursor !== undefined && from === 0) {
      throw new ConsoleProblem('cursor-rejected', 'The cursor is not one of the list of replay plans.');
    }
    const plans = all.slice(from, from + limit);
    const last = plans.at(-1);
    const isEnd = last === undefined || from + plans.length === all.length;
    return { plans, ...(isEnd ? {} : { next: Buffer.from(`plan ${last.id}`).toString('base64url') }) };
  }
}

const planOf = (cursor: string): string | undefined =>
  /^plan (.+)$/.exec(Buffer.from(cursor, 'base64url').toString('utf8'))?.[1];
