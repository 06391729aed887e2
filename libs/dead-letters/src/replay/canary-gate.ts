/** Admits the first letters of a plan, and holds the others until these have met their fate. */
export class CanaryGate {
  private left: number;
  private underWay = 0;
  private readonly opened = Promise.withResolvers<undefined>();
  private readonly returned = Promise.withResolvers<undefined>();
  private isOpen: boolean;

  /** @param letters to admit; undefined for no canary */
  constructor(letters: number | undefined) {
    this.left = letters ?? Infinity;
    this.isOpen = letters === undefined;
    this.settle();
  }

  /** Resolves when every letter of the canary is returned. */
  get exhausted(): Promise<undefined> {
    return this.returned.promise;
  }

  /** How many of `count` letters may be returned now; each is to be reported with `done`. */
  admit(count: number): number {
    if (this.isOpen) return count;
    const admitted = Math.min(count, this.left);
    this.left -= admitted;
    this.underWay += admitted;
    return admitted;
  }

  done(count: number): void {
    if (this.isOpen) return;
    this.underWay -= count;
    this.settle();
  }

  /** Gives back what was admitted and not returned. */
  giveBack(count: number): void {
    if (this.isOpen) return;
    this.left += count;
    this.underWay -= count;
  }

  open(): void {
    this.isOpen = true;
    this.opened.resolve(undefined);
  }

  /** Resolves when the gate is open. @throws the signal's reason */
  async whenOpen(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => {
      aborted.reject(signal.reason as Error);
    };
    signal.addEventListener('abort', abort, { once: true });
    try {
      await Promise.race([this.opened.promise, aborted.promise]);
    } finally {
      signal.removeEventListener('abort', abort);
    }
  }

  private settle(): void {
    if (!this.isOpen && this.left === 0 && this.underWay === 0) this.returned.resolve(undefined);
  }
}
