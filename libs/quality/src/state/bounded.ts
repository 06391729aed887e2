/** Bounds of a memory. The one that is reached first applies. */
export interface WindowLimits {
  /** By append time. */
  readonly windowMs: number;
  /** Per partition. */
  readonly maxEntries: number;
}

/**
 * Entries of each kind that are evicted per record at most. One is enough while the bounds stay the same. After a
 * restart with narrower bounds the excess leaves over the following records, so that no single transaction deletes all
 * of it.
 */
const MAX_EVICTIONS = 4;

/** How many of `size` entries to evict now. */
export const evictions = (size: number, { maxEntries }: { readonly maxEntries: number }): number =>
  Math.min(size - maxEntries, MAX_EVICTIONS);

/** A memory that is bounded by age and by count, and reports how far back it is complete. */
export abstract class Bounded {
  /**
   * Append time of the newest entry that left, for whatever reason: its window ended, a bound was reached, or retention
   * removed it before a rebuild. Undefined: none did. A window that was lengthened therefore grows from then on.
   */
  leftAtMs: number | undefined;

  constructor(readonly limits: WindowLimits) {}

  /** How far back the memory is complete at the append time `nowMs`. At most the configured window. */
  effectiveWindowMs(nowMs: number): number {
    if (this.leftAtMs === undefined) return this.limits.windowMs;
    return Math.max(0, Math.min(this.limits.windowMs, nowMs - this.leftAtMs));
  }

  protected raiseLeftAt(appendedAtMs: number): void {
    this.leftAtMs = Math.max(this.leftAtMs ?? -Infinity, appendedAtMs);
  }
}
