/** The progress of one wait: all of it is read, the validator of the catalog makes none, or it goes on. */
export type Awaited = 'complete' | 'behind' | 'waiting';

/**
 * A fetch is answered ten times a second, also without records. After a longer time without an answer the broker is
 * away, and how far the validator of the catalog is cannot be known.
 */
const MAX_ANSWER_GAP_MS = 5_000;

/**
 * How far of the raw catalog has been evaluated and read, and for how long nothing of what is awaited was added. Pure:
 * times are passed in.
 *
 * All waits share one clock: while the validator of the catalog makes no progress, only the first record waits for the
 * whole time. The clock begins again when a partition that is awaited advances, when its fetches are answered again
 * after a gap, or when all that was awaited is there. In the gap nothing counts as behind.
 */
export class CatalogProgress {
  private readonly offsets: number[] = [];
  /** Time of the last answered fetch by partition. */
  private readonly answeredMs: number[] = [];
  private stall: { readonly ends: readonly number[]; sinceMs: number } | undefined;

  constructor(
    /** How long nothing may be added before the catalog counts as behind. */
    private readonly maxStallMs: number,
  ) {}

  /** The next raw offsets by partition; undefined where nothing was read. */
  get rawOffsets(): readonly (number | undefined)[] {
    return this.offsets;
  }

  /** A fetch of the partition was answered, with records or without. */
  answered(partition: number, nowMs: number): void {
    const { stall } = this;
    const awaited = stall !== undefined && this.lacks(stall.ends, partition);
    if (awaited && !this.isAnswered(partition, nowMs)) stall.sinceMs = nowMs;
    this.answeredMs[partition] = nowMs;
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
    if (nowMs - this.stall.sinceMs < this.maxStallMs) return 'waiting';
    const isKnown = ends.every((_, partition) => !this.lacks(ends, partition) || this.isAnswered(partition, nowMs));
    return isKnown ? 'behind' : 'waiting';
  }

  private isAnswered(partition: number, nowMs: number): boolean {
    return nowMs - (this.answeredMs[partition] ?? -Infinity) <= MAX_ANSWER_GAP_MS;
  }

  private lacks(ends: readonly number[], partition: number): boolean {
    return (this.offsets[partition] ?? 0) < (ends[partition] ?? 0);
  }

  private has(ends: readonly number[]): boolean {
    return ends.every((_, partition) => !this.lacks(ends, partition));
  }
}
