import type { WindowLimits } from '../settings';

/** A memory that is bounded by age and by count, and knows how far back it reaches without a gap. */
export abstract class Bounded {
  /** Append time of the newest entry that had to leave before its time was up; undefined: none ever had to. */
  crowdedOutAtMs: number | undefined;

  constructor(readonly limits: WindowLimits) {}

  /** How far back this remembers everything, at the append time `nowMs`. At most the configured window. */
  effectiveWindowMs(nowMs: number): number {
    if (this.crowdedOutAtMs === undefined) return this.limits.windowMs;
    return Math.max(0, Math.min(this.limits.windowMs, nowMs - this.crowdedOutAtMs));
  }

  protected raiseCrowdedOut(appendedAtMs: number): void {
    this.crowdedOutAtMs = Math.max(this.crowdedOutAtMs ?? -Infinity, appendedAtMs);
  }
}
