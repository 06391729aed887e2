import { setTimeout as delay } from 'node:timers/promises';

export interface RateLimitClock {
  /** Monotonic, in milliseconds. */
  now(): number;
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

const REAL_CLOCK: RateLimitClock = {
  now: () => performance.now(),
  wait: async (ms, signal) => {
    await delay(ms, undefined, { signal });
  },
};

/**
 * Spaces what several tasks do to a rate in sum. In any period of T seconds it permits at most rate × T, plus one request.
 * What was not used is lost: there is no burst behind a pause.
 */
export class RateLimit {
  private nextMs = -Infinity;

  constructor(
    private readonly perSecond: number,
    private readonly clock: RateLimitClock = REAL_CLOCK,
  ) {}

  /** Resolves when `count` may be done. Requests are served in their order. @throws the signal's reason */
  async take(count: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const nowMs = this.clock.now();
    const atMs = Math.max(nowMs, this.nextMs);
    this.nextMs = atMs + (1_000 * count) / this.perSecond;
    if (atMs > nowMs) await this.clock.wait(atMs - nowMs, signal);
    signal.throwIfAborted();
  }
}
