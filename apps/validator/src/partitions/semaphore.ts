/** Lets so many pieces of work run at once; the others wait, in the order in which they came. */
export class Semaphore {
  private readonly waiting = new Set<() => void>();

  constructor(private free: number) {}

  /** Rejects with the signal's reason when it aborts before the turn has come; the work minds the signal by itself. */
  async run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    if (this.free > 0) this.free--;
    else await this.turn(signal);
    try {
      return await work();
    } finally {
      const [next] = this.waiting;
      if (next === undefined) this.free++;
      else next();
    }
  }

  private async turn(signal: AbortSignal | undefined): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const leave = (): void => {
        this.waiting.delete(come);
        reject(signal?.reason as Error);
      };
      const come = (): void => {
        this.waiting.delete(come);
        signal?.removeEventListener('abort', leave);
        resolve();
      };
      this.waiting.add(come);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }
}
