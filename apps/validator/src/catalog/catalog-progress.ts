/** The progress of one wait: all of it is read, the validator of the catalog makes none, or it goes on. */
export type Awaited = 'complete' | 'behind' | 'waiting';

/**
 * How far of the raw catalog has been evaluated and read, and for how long nothing of what is awaited was added. Pure:
 * times are passed in.
 *
 * All waits share one clock: while the validator of the catalog makes no progress, only the first record waits for the
 * whole time. The clock begins again when a partition that is awaited advances, or when all that was awaited is there.
 */
export class CatalogProgress {
  private readonly offsets: number[] = [];
  private stall: { readonly ends: readonly number[]; sinceMs: number } | undefined;

  constructor(
    /** How long nothing may be added before the catalog counts as behind. */
    private readonly maxStallMs: number,
  ) {}

  /** The next raw offsets by partition; undefined where nothing was read. */
  get rawOffsets(): readonly (number | undefined)[] {
    return this.offsets;
  }

  /** A partition has been read up to this raw offset. */
  advance(partition: number, rawOffset: number, nowMs: number): void {
    const before = this.offsets[partition] ?? 0;
    this.offsets[partition] = rawOffset;
    const { stall } = this;
    if (stall !== undefined && before < (stall.ends[partition] ?? 0) && rawOffset > before) stall.sinceMs = nowMs;
  }

  /** What has become of the wait for these raw offsets. */
  awaited(ends: readonly number[], nowMs: number): Awaited {
    if (this.stall !== undefined && this.has(this.stall.ends)) this.stall = undefined;
    if (this.has(ends)) return 'complete';
    this.stall ??= { ends, sinceMs: nowMs };
    return nowMs - this.stall.sinceMs >= this.maxStallMs ? 'behind' : 'waiting';
  }

  private has(ends: readonly number[]): boolean {
    return ends.every((end, partition) => (this.offsets[partition] ?? 0) >= end);
  }
}
