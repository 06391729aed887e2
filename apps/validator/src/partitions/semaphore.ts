/** Limits how many pieces of work run at once. The others wait, first in, first out. */
export class Semaphore {
  private readonly waiting = new Set<() => void>();

  constructor(private permits: number) {}

  /** Runs the work with a permit. Rejects with the signal's reason if the signal aborts before there is a permit. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    await this.acquire(signal);
    try {
      return await work();
    } finally {
      this.release();
    }
  }

  private async acquire(signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    if (this.permits > 0) {
      this.permits--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        this.waiting.delete(onPermit);
        reject(signal?.reason as Error);
      };
      const onPermit = (): void => {
        this.waiting.delete(onPermit);
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      this.waiting.add(onPermit);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** Hands the permit to the first that waits. */
  private release(): void {
    const [next] = this.waiting;
    if (next === undefined) this.permits++;
    else next();
  }
}
