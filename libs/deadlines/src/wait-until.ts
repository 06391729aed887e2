import { setTimeout as delay } from 'node:timers/promises';
import { DeadlineError } from './deadline-error';

export interface WaitOptions {
  /** What is awaited, to complete "Waited 30 s in vain for …". */
  readonly what: string;
  readonly deadlineMs: number;
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Asks until the answer is neither false nor undefined, and gives that answer. A question that throws counts as "not yet";
 * the last error is the cause of the DeadlineError.
 */
export async function waitUntil<T>(
  ask: () => Promise<T | false | undefined> | T | false | undefined,
  { what, deadlineMs, intervalMs = 100, signal }: WaitOptions,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    signal?.throwIfAborted();
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= until) throw new DeadlineError(what, deadlineMs, lastError);
    await delay(intervalMs, undefined, { signal });
  }
}
