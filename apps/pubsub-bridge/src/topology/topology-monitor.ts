import { setTimeout as delay } from 'node:timers/promises';

import type { Check, Logger } from '@orderstream/observability';
import type { TopologyState } from '@orderstream/pubsub';

import type { Checkpoint, Gap, SubscriptionGaps } from '../gaps/subscription-gaps';

/** A check that failed, and one that found the subscription missing, is followed by another after this time. */
const SOON_MS = 5_000;
/** A state that was read less than this ago is fresh. */
const FRESH_MS = 1_000;
export interface TopologyMonitorOptions {
  /** Reads topic and subscription. */
  readonly inspect: () => Promise<TopologyState>;
  /** Creates what is missing while nothing is published, by a call that is passed to `observe`. */
  readonly repair: () => Promise<void>;
  readonly gaps: Pick<SubscriptionGaps, 'checkpoint' | 'found' | 'missing'>;
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly onGap: (gap: Gap) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

/**
 * Reads the subscription and the topic at an interval, puts back what was deleted, and reports the gap.
 *
 * Failure semantics: a subscription that another instance or an operator has put back is recognized by its label. What a gap
 * contains, and what it does not: see `SubscriptionGaps`.
 */
export class TopologyMonitor {
  private readonly stopping = new AbortController();
  private readonly now: () => number;
  private state: TopologyState | undefined;
  private stateAtMs = -Infinity;
  private failure: string | undefined;
  private putBack: string | undefined;
  private checking: Promise<void> | undefined;

  constructor(private readonly options: TopologyMonitorOptions) {
    this.now = options.now ?? Date.now;
  }

  get subscriptionState(): string {
    return this.state?.subscriptionState ?? 'UNKNOWN';
  }

  get differences(): readonly string[] {
    return this.state?.differences.map(({ text }) => text) ?? [];
  }

  /** Why nothing may be published now. */
  get blocked(): string | undefined {
    return this.state?.differences.find(({ effect }) => effect === 'loses')?.text;
  }

  /** Not ready: something is missing or differs, or could not be read. */
  readiness(): Check {
    if (this.failure !== undefined) return { ok: false, detail: this.failure };
    if (this.putBack !== undefined) return { ok: false, detail: this.putBack };
    if (this.state === undefined) return { ok: false, detail: 'not read yet' };
    const { differences } = this;
    return differences.length === 0 ? { ok: true } : { ok: false, detail: differences.join('; ') };
  }

  /** Checks at the interval until `stop`. */
  start(): void {
    void this.run();
  }

  stop(): void {
    this.stopping.abort();
  }

  /** Why the topic rejects what is published, read now; undefined when it should not. @throws when it cannot be read */
  async rejectionReason(): Promise<string | undefined> {
    if (this.now() - this.stateAtMs > FRESH_MS) await this.check();
    if (this.failure !== undefined) throw new Error(this.failure);
    return this.state?.differences.find(({ effect }) => effect === 'rejects')?.text;
  }

  /** Concurrent callers share one check. */
  check(): Promise<void> {
    this.checking ??= this.checkOnce().finally(() => {
      this.checking = undefined;
    });
    return this.checking;
  }

  /** Calls `ensureTopology` outside a check: at the start, and after the emulator lost everything. */
  async observe(ensure: () => Promise<TopologyState>): Promise<void> {
    const checkpoint = this.options.gaps.checkpoint();
    this.record(await ensure(), checkpoint);
  }

  private async run(): Promise<void> {
    const { intervalMs } = this.options;
    const { signal } = this.stopping;
    for (;;) {
      const isSoon = this.failure !== undefined || this.putBack !== undefined;
      const waitMs = isSoon ? Math.min(intervalMs, SOON_MS) : intervalMs;
      await delay(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
      if (signal.aborted) return;
      await this.check();
    }
  }

  private async checkOnce(): Promise<void> {
    const { inspect, repair, gaps, logger } = this.options;
    const checkpoint = gaps.checkpoint();
    try {
      const found = await inspect();
      if (found.missing.length === 0) {
        this.putBack = undefined;
        this.record(found, checkpoint);
      } else {
        this.putBack = `${found.missing.join(', ')} did not exist, and is put back; docs/pubsub-bridge.md#the-subscription-was-deleted`;
        this.state = found;
        if (found.subscriptionIdentity === undefined) gaps.missing();
        logger.error({ missing: found.missing }, this.putBack);
        await repair();
      }
      this.failure = undefined;
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.failure = `topic and subscription could not be read or put back: ${message}`;
      logger.warn({ err: error }, this.failure);
    }
  }

  private record(state: TopologyState, checkpoint: Checkpoint): void {
    const known = this.differences.join();
    this.state = state;
    this.stateAtMs = this.now();
    const { differences } = this;
    if (differences.length > 0 && differences.join() !== known) {
      this.options.logger.error({ differences }, 'topic or subscription differ from what the bridge needs');
    }
    const { subscriptionIdentity: identity } = state;
    if (identity === undefined) return;
    const gap = this.options.gaps.found(identity, checkpoint);
    if (gap !== undefined) this.report(gap);
  }

  private report(gap: Gap): void {
    this.options.onGap(gap);
    const rewinds = gap.partitions.map(({ rewind }) => `POST /admin/rewind ${JSON.stringify(rewind)}`);
    this.options.logger.error(
      gap,
      `the subscription was deleted or replaced between ${gap.from}, when it was last found, and ${gap.to}. What was published in ` +
        `between may not have been delivered: publish it again by ${rewinds.join(', ')}. What was published before, and waited in the ` +
        'deleted subscription, is lost too and is not in these offsets: run the query of ' +
        'docs/pubsub-bridge.md#the-subscription-was-deleted first, and rewind to the offset that it returns where that is lower.',
    );
  }
}
