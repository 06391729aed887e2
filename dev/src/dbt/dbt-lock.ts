import { setTimeout as delay } from 'node:timers/promises';
import { acquireLock, LockHeldError } from '@orderstream/process-lock';
import { UsageError } from '../errors';

const INTERVAL_MS = 500;

/**
 * Waits until no other dbt command of this home writes to the warehouse.
 *
 * @param onWait called once, with the process that holds the lock
 * @returns a function that releases the lock
 * @throws UsageError when the other command is not done in time
 */
export async function lockDbt(
  path: string,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly onWait: (pid: number) => void },
): Promise<() => void> {
  const deadline = performance.now() + options.timeoutMs;
  for (let waited = false; ; waited = true) {
    try {
      return acquireLock(path);
    } catch (error) {
      if (!(error instanceof LockHeldError)) throw error;
      if (performance.now() > deadline) {
        throw new UsageError(
          `Process ${String(error.pid)} still builds the warehouse. Try again when it is done.`,
          error,
        );
      }
      if (!waited) options.onWait(error.pid);
    }
    await delay(INTERVAL_MS, undefined, { signal: options.signal });
  }
}
