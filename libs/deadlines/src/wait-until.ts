import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError } from './deadline-error';

export interface WaitOptions {
  /** What is awaited: completes "Waited 30 s without success for …". */
  readonly what: string;
  readonly deadlineMs: number;
  /** Default 100. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Calls `condition` until it returns neither false nor undefined, and returns that value. An error counts as false; the
 * last one is the cause of the DeadlineError.
 *
 * @throws DeadlineError; the reason of the signal
 */
export async function waitUntil<T>(
  condition: () => Promise<T | false | undefined> | T | false | undefined,
  { what, deadlineMs, intervalMs = 100, signal }: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const value = await condition();
      if (value !== false && value !== undefined) return value;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) throw new DeadlineError(what, deadlineMs, lastError);
    await delay(intervalMs, undefined, { signal });
  }
}
