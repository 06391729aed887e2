import { setTimeout as delay } from 'node:timers/promises';

const INTERVAL_MS = 100;

/**
 * Asks until the answer is neither false nor undefined, and gives it. A question that throws counts as "not yet".
 *
 * @param what completes "waited 30 s in vain for …"
 */
export async function waitFor<T>(
  ask: () => Promise<T | false | undefined> | T | false | undefined,
  deadlineMs: number,
  what: string,
): Promise<T> {
  const until = performance.now() + deadlineMs;
  let lastError: unknown;
  for (;;) {
    try {
      const answer = await ask();
      if (answer !== false && answer !== undefined) return answer;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() > until) {
      throw new Error(`waited ${String(deadlineMs / 1000)} s in vain for ${what}`, { cause: lastError });
    }
    await delay(INTERVAL_MS);
  }
}
