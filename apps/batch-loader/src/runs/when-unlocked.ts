import { setTimeout as delay } from 'node:timers/promises';
import { RangeLockedError } from '../errors';

const PAUSE_MS = 2_000;

/**
 * Does the work as soon as the range is free, or after one and a half leases fails as the work does: the lease of a
 * process that was killed ends by itself, so that a restart goes on.
 */
export async function whenUnlocked<T>(leaseMs: number, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const endMs = performance.now() + 1.5 * leaseMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RangeLockedError) || performance.now() > endMs) throw error;
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}
