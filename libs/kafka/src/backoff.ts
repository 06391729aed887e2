import { delay } from './delay';

/** Waits between retries: they double from `minMs` to `maxMs`; the upper half of each is jitter. */
export class Backoff {
  private nextMs: number;

  constructor(
    private readonly minMs = 50,
    private readonly maxMs = 2_000,
  ) {
    this.nextMs = minMs;
  }

  reset(): void {
    this.nextMs = this.minMs;
  }

  /** Resolves early when the signal aborts. Never rejects. */
  wait(signal?: AbortSignal): Promise<void> {
    const ms = this.nextMs;
    this.nextMs = Math.min(ms * 2, this.maxMs);
    return delay(ms / 2 + (Math.random() * ms) / 2, signal);
  }
}
