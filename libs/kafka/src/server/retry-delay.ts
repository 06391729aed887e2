/**
 * Milliseconds to wait after a failure: `afterMs`, doubled for each earlier failure without progress, at most `maxMs`. The
 * upper half is jitter, so that partitions that failed together do not open again together. An `afterMs` of 0 counts as
 * 1, so that it doubles too.
 *
 * @param random from 0 to 1
 */
export function retryDelay(afterMs: number, failuresBefore: number, maxMs: number, random: number): number {
  const ms = Math.min(Math.max(afterMs, 1) * 2 ** Math.min(failuresBefore, 16), maxMs);
  return ms / 2 + (random * ms) / 2;
}

/** The retry delays of one partition. They start over when the partition has settled more than ever before. */
export class RetryBackoff {
  private failures = 0;
  /** The highest first unsettled offset so far; undefined before the first. */
  private furthest: number | undefined;

  constructor(
    private readonly maxMs: number,
    private readonly random: () => number,
  ) {}

  get settledUpTo(): number | undefined {
    return this.furthest;
  }

  /**
   * Only offsets beyond those of all openings before count as progress: a handler can take a batch first and fail later.
   *
   * @param offset first offset that is not settled
   */
  noteSettled(offset: number | undefined): void {
    if (offset === undefined || (this.furthest !== undefined && offset <= this.furthest)) return;
    this.furthest = offset;
    this.failures = 0;
  }

  reset(): void {
    this.failures = 0;
  }

  nextMs(afterMs: number): number {
    return retryDelay(afterMs, this.failures++, this.maxMs, this.random());
  }
}
