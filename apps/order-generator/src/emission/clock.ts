import { setTimeout as sleep } from 'node:timers/promises';

/** Wall clock and timer; a test passes its own. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Resolves early when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  wait: async (ms, signal) => {
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  },
};
