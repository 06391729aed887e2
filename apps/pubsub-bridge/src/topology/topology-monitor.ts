import { setTimeout as delay } from 'node:timers/promises';

import type { Check, Logger } from '@orderstream/observability';
import type { TopologyState } from '@orderstream/pubsub';

/** A check that failed, and one that found the subscription missing, is followed by another after this time. */
const SOON_MS = 5_000;
/** A state that was read less than this ago is fresh. */
const FRESH_MS = 1_000;
const MAX_GAPS = 20;
/** No label has this value. */
const MISSING = '-';

/** The records of one partition that were published, or may have been, while no subscription retained them. */
export interface GapRange {
  readonly topic: string;
  readonly partition: number;
  readonly fromOffset: number;
  /** The offset after the last one. */
  readonly toOffset: number;
}

/** From the last time at which the subscription was seen until it was there again. */
export interface Gap {
  readonly from: string;
  readonly to: string;
  readonly partitions: readonly GapRange[];
}

/** How far an assigned partition has been published. */
export interface PublishedRange {
  readonly topic: string;
  readonly partition: number;
  /** First offset taken since the partition was opened. */
  readonly first: number;
  /** All records below are acknowledged. */
  readonly acknowledged: number;
  /** No record from here on was published. */
  readonly taken: number;
}

export interface TopologyMonitorOptions {
  /** Reads topic and subscription. */
  readonly inspect: () => Promise<TopologyState>;
  /** Creates what is missing while nothing is published, and passes what is there then to `observe`. */
  readonly repair: () => Promise<void>;
  readonly published: () => readonly PublishedRange[];
  readonly intervalMs: number;
  readonly logger: Logger;
  readonly onGap: (gap: Gap) => void;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
}

interface Seen {
  readonly atMs: number;
  readonly identity: string;
  readonly published: readonly PublishedRange[];
}

/**
 * Reads the subscription and the topic at an interval, puts back what was deleted, and reports what was published while
 * no subscription retained it.
 *
 * Failure semantics: a gap begins at the last check that found the subscription, so that it may contain records that were
 * delivered; it contains every record that was not. A subscription that another instance or an operator has put back is
 * recognized by its label. Gaps are in memory and in the log; a restart forgets those in memory.
 */
export class TopologyMonitor {
  private readonly stopping = new AbortController();
  private readonly now: () => number;
  private state: TopologyState | undefined;
  private stateAtMs = -Infinity;
  private seen: Seen | undefined;
  private failure: string | undefined;
  private putBack: string | undefined;
  private checking: Promise<void> | undefined;
  private readonly reported: Gap[] = [];

  constructor(private readonly options: TopologyMonitorOptions) {
    this.now = options.now ?? Date.now;
  }

  /** The last 20 gaps since the start of the process. */
  get gaps(): readonly Gap[] {
    return this.reported;
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

  /** What `ensureTopology` found, outside a check: at the start, and after the emulator lost everything. */
  observe(state: TopologyState): void {
    this.record(state, { atMs: this.now(), published: this.options.published() });
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
    const { inspect, repair, published, logger } = this.options;
    // Before the request: what is acknowledged by now is in the subscription that the answer describes.
    const before = { atMs: this.now(), published: published() };
    try {
      const found = await inspect();
      if (found.missing.length === 0) {
        this.putBack = undefined;
        this.record(found, before);
      } else {
        this.putBack = `${found.missing.join(', ')} did not exist, and is put back; docs/pubsub-bridge.md#the-subscription-was-deleted`;
        this.state = found;
        if (found.subscriptionIdentity === undefined) this.seen = { ...(this.seen ?? before), identity: MISSING };
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

  private record(state: TopologyState, at: Omit<Seen, 'identity'>): void {
    const known = this.differences.join();
    this.state = state;
    this.stateAtMs = this.now();
    const { differences } = this;
    if (differences.length > 0 && differences.join() !== known) {
      this.options.logger.error({ differences }, 'topic or subscription differ from what the bridge needs');
    }
    const { subscriptionIdentity: identity } = state;
    if (identity === undefined) return;
    const { seen } = this;
    if (seen !== undefined && seen.identity !== identity) this.report(seen);
    this.seen = { ...at, identity };
  }

  private report(seen: Seen): void {
    const before = new Map(seen.published.map((range) => [keyOf(range), range.acknowledged]));
    const partitions = this.options.published().flatMap((range) => {
      const { topic, partition, taken: toOffset } = range;
      const fromOffset = before.get(keyOf(range)) ?? range.first;
      return fromOffset < toOffset ? [{ topic, partition, fromOffset, toOffset }] : [];
    });
    const gap: Gap = { from: new Date(seen.atMs).toISOString(), to: new Date(this.now()).toISOString(), partitions };
    this.reported.push(gap);
    if (this.reported.length > MAX_GAPS) this.reported.shift();
    this.options.onGap(gap);
    this.options.logger.error(
      gap,
      'the subscription was deleted or replaced: what was published between from and to may not have been delivered. ' +
        'Publish it again: POST /admin/rewind with each partition and its fromOffset (docs/pubsub-bridge.md#the-subscription-was-deleted)',
    );
  }
}

const keyOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${String(partition)}`;
