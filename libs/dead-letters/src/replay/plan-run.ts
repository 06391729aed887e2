import { type Logger } from '@orderstream/observability';
import { setTimeout as delay } from 'node:timers/promises';
import { type Fate } from './came-back';
import { type CanaryGate } from './canary-gate';
import { type PartitionReplay } from './partition-replay';
import { type ReplayOptions } from './plan';

/** How the work on a plan ended. */
export type RunEnd =
  | { readonly action: 'finish'; readonly outcome?: string }
  | { readonly action: 'pause' | 'stop'; readonly outcome: string };

export interface PlanRunOptions {
  readonly options: ReplayOptions;
  readonly partitions: readonly PartitionReplay[];
  readonly gate: CanaryGate;
  readonly fate: Fate;
  /** Receipts of the plan with the outcome `returned`, until now. */
  readonly returned: () => Promise<number>;
  /** Called with each new count, one call after the other. Never rejects. */
  readonly onCameBack: (count: number) => Promise<void>;
  /** Called when the canary has met its fate, before the other letters are returned. */
  readonly onCanaryPassed: () => Promise<void>;
  readonly logger: Logger;
  readonly pollMs?: number;
  readonly canaryTimeoutMs?: number;
  readonly finalTimeoutMs?: number;
}

/** Below so many returned letters a share of them proves nothing, except that of a canary. */
const MIN_RETURNED = 20;
const POLL_MS = 500;
const CANARY_TIMEOUT_MS = 120_000;
const FINAL_TIMEOUT_MS = 30_000;

/**
 * Returns the letters of all partitions of a plan: the canary first, then the others, while it counts what comes back.
 */
export class PlanRun {
  private readonly stopping = new AbortController();
  private cameBack = 0;
  private polling: Promise<unknown> = Promise.resolve();

  constructor(private readonly work: PlanRunOptions) {}

  /** @throws the signal's reason; what no retry of a partition can pass */
  async run(signal: AbortSignal): Promise<RunEnd> {
    const { partitions, gate } = this.work;
    const both = AbortSignal.any([signal, this.stopping.signal]);
    const runs = partitions.map((partition) => partition.run(both));
    const returning = Promise.all(runs).then((): RunEnd | undefined => undefined);
    const canary = gate.exhausted.then(() => this.awaitCanary(both));
    const watch = this.watchShare(both);
    for (const each of [returning, canary, watch]) each.catch(() => undefined);
    try {
      const early = await Promise.race([returning, watch, canary.then((end) => end ?? returning)]);
      return early ?? (await this.awaitFate(signal));
    } finally {
      this.stopping.abort(new Error('the work on the plan has ended'));
      // What is in flight is committed or not; the next owner reads which.
      await Promise.allSettled([...runs, watch]);
      await this.work.fate.close();
    }
  }

  /** Undefined when the others may follow. */
  private async awaitCanary(signal: AbortSignal): Promise<RunEnd | undefined> {
    const { options, gate, onCanaryPassed, canaryTimeoutMs = CANARY_TIMEOUT_MS } = this.work;
    if (options.canary === 0) return undefined;
    if (!(await this.fateKnown(signal, canaryTimeoutMs))) {
      return {
        action: 'pause',
        outcome:
          `The letters of the canary were not evaluated within ${String(canaryTimeoutMs / 1_000)} s. Check that the ` +
          'service that reads them runs and is not paused, then start the plan again.',
      };
    }
    const end = await this.endByShare(options.canary);
    if (end !== undefined) return end;
    await onCanaryPassed();
    gate.open();
    return undefined;
  }

  /** Resolves only when too many letters came back. */
  private async watchShare(signal: AbortSignal): Promise<RunEnd> {
    for (;;) {
      await delay(this.work.pollMs ?? POLL_MS, undefined, { signal });
      try {
        await this.poll(signal);
        const end = await this.endByShare(MIN_RETURNED);
        if (end !== undefined) return end;
      } catch (error) {
        signal.throwIfAborted();
        this.work.logger.warn({ err: error }, 'what came back of a replay could not be read; it is repeated');
      }
    }
  }

  /** The work is done; what came back is counted, as far as that is known in time. */
  private async awaitFate(signal: AbortSignal): Promise<RunEnd> {
    const isKnown = await this.fateKnown(signal, this.work.finalTimeoutMs ?? FINAL_TIMEOUT_MS);
    if (isKnown) return { action: 'finish' };
    return {
      action: 'finish',
      outcome: 'Every letter has its receipt. The last ones were not evaluated yet: more of them may come back.',
    };
  }

  private async fateKnown(signal: AbortSignal, timeoutMs: number): Promise<boolean> {
    const { fate, pollMs = POLL_MS, logger } = this.work;
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      try {
        if (await fate.isKnown(signal)) {
          await this.poll(signal);
          return true;
        }
      } catch (error) {
        signal.throwIfAborted();
        logger.warn({ err: error }, 'the consumer of the returned records could not be asked; it is repeated');
      }
      if (performance.now() >= deadline) return false;
      await delay(pollMs, undefined, { signal });
    }
  }

  /** One after the other: two that read the same letters would count them twice. */
  private poll(signal: AbortSignal): Promise<void> {
    const polled = this.polling.then(() => this.pollOnce(signal));
    this.polling = polled.catch(() => undefined);
    return polled;
  }

  private async pollOnce(signal: AbortSignal): Promise<void> {
    const count = await this.work.fate.poll(signal);
    if (count === this.cameBack) return;
    this.cameBack = count;
    // In the record of the plans before their end, behind which it would not count.
    await this.work.onCameBack(count);
  }

  private async endByShare(minReturned: number): Promise<RunEnd | undefined> {
    const share = this.work.options.stopAboveShare;
    if (share >= 1 || this.cameBack <= share * minReturned) return undefined;
    // The receipts are read a moment after the letters that came back.
    const returned = Math.max(this.cameBack, await this.work.returned());
    if (this.cameBack <= share * Math.max(minReturned, returned)) return undefined;
    return {
      action: 'stop',
      outcome:
        `${String(this.cameBack)} of ${String(returned)} returned letters came back, more than a share of ` +
        `${String(share)}. GET /admin/dead-letters/groups shows why; fix the cause, then create a new plan.`,
    };
  }
}
