import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError } from '@orderstream/deadlines';
import { isRetriable } from '@orderstream/errors';
import { type Logger } from '@orderstream/observability';

/** What a service needs to start, and what may start after the service: a broker, a warehouse. */
export interface Dependency {
  /** Name, address and setting: `Kafka at redpanda:9092 (KAFKA_BROKERS)`. */
  readonly what: string;
  /**
   * Resolves when the dependency answers. Each attempt has a deadline of its own.
   *
   * @throws a retriable error when there is no answer yet, whose message names the dependency; any other ends the start
   */
  readonly reach: () => Promise<void>;
}

const FIRST_PAUSE_MS = 500;
const MAX_PAUSE_MS = 5_000;
/** Between two lines of the log with the same reason. */
const REMIND_AFTER_MS = 60_000;

/** Waits for the dependencies of a start, and reports for which of them, and why. */
export class Dependencies {
  private readonly missing = new Map<string, string>();

  constructor(
    private readonly logger: Pick<Logger, 'warn' | 'info'>,
    /** After it the start fails, so that the orchestrator tries again with fresh addresses. */
    private readonly timeoutMs: number,
    private readonly pause = { firstMs: FIRST_PAUSE_MS, maxMs: MAX_PAUSE_MS },
  ) {}

  /** The reasons why the start waits now, each of which names the dependency; undefined when it does not wait. */
  get waitingFor(): string | undefined {
    return this.missing.size === 0 ? undefined : [...new Set(this.missing.values())].join('; ');
  }

  /**
   * Resolves when all of them answer.
   *
   * @throws DeadlineError; the error of a dependency that is not retriable; the reason of the signal
   */
  async reachAll(dependencies: readonly Dependency[], signal: AbortSignal): Promise<void> {
    const failed = new AbortController();
    const either = AbortSignal.any([signal, failed.signal]);
    try {
      await Promise.all(dependencies.map((dependency) => this.reach(dependency, either)));
    } finally {
      failed.abort(new Error('another dependency ended the start'));
      this.missing.clear();
    }
  }

  private async reach({ what, reach }: Dependency, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    const waitedMs = (): number => performance.now() - startedAt;
    let pauseMs = this.pause.firstMs;
    let remindAtMs = 0;
    for (;;) {
      signal.throwIfAborted();
      try {
        await reach();
        break;
      } catch (error) {
        signal.throwIfAborted();
        if (!isRetriable(error)) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        if (waitedMs() >= this.timeoutMs)
          throw new DeadlineError(`${what}: ${reason.replace(/\.$/, '')}`, this.timeoutMs, error);
        if (this.missing.get(what) !== reason || waitedMs() >= remindAtMs) {
          this.logger.warn({ dependency: what, waitedSeconds: Math.round(waitedMs() / 1000) }, `waiting: ${reason}`);
          remindAtMs = waitedMs() + REMIND_AFTER_MS;
        }
        this.missing.set(what, reason);
      }
      await delay(pauseMs / 2 + (Math.random() * pauseMs) / 2, undefined, { signal });
      pauseMs = Math.min(2 * pauseMs, this.pause.maxMs);
    }
    if (this.missing.delete(what)) {
      this.logger.info({ dependency: what, waitedSeconds: Math.round(waitedMs() / 1000) }, 'it answers');
    }
  }
}
