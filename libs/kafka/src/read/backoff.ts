/** Waits between retries: doubling from `minMs` to `maxMs`, each with up to half of itself as jitter. */
export class Backoff {
  private nextMs: number;
  constructor(
    private readonly minMs = 50,
    private readonly maxMs = 2_000,
    private readonly random: () => number = Math.random,
  ) {
    this.nextMs = minMs;
  }

  reset(): void {
    this.nextMs = this.minMs;
  }

  delayMs(): number {
    const base = this.nextMs;
    this.nextMs = Math.min(base * 2, this.maxMs);
    return base / 2 + (this.random() * base) / 2;
  }

  /** Resolves early, without throwing, when the signal aborts. */
  wait(signal?: AbortSignal): Promise<void> {
    return delay(this.delayMs(), signal);
  }
}

/** Resolves after `ms` or when the signal aborts, whichever is first. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/** Resolves when the work is settled, however, or after `ms`; leaves no timer behind. */
export async function settledWithin(ms: number, work: Promise<unknown>): Promise<void> {
  const settled = new AbortController();
  const done = work.then(
    () => undefined,
    () => undefined,
  );
  await Promise.race([done, delay(ms, settled.signal)]);
  settled.abort();
}
