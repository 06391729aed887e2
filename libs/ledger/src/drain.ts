import { setTimeout as delay } from 'node:timers/promises';
import { NoProgressError } from './no-progress-error';

const NO_PROGRESS_SECONDS = 60;
const INTERVAL_MS = 300;

export interface DrainState {
  readonly done: boolean;
  /** Any text that changes while there is progress. */
  readonly mark: string;
}

export interface DrainClock {
  /** Monotonic milliseconds. */
  now(): number;
  /** Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

const SYSTEM_CLOCK: DrainClock = {
  now: () => performance.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal }),
};

/**
 * Reads the state every 300 ms until it is done. A read that throws (a service is restarting) counts as no progress.
 *
 * @param what completes "No progress for 60 s while waiting for …"
 * @throws NoProgressError when the mark does not change for 60 s
 */
export async function waitUntilDrained(
  what: string,
  readState: () => Promise<DrainState>,
  signal: AbortSignal,
  clock: DrainClock = SYSTEM_CLOCK,
): Promise<void> {
  let mark: string | undefined;
  let lastProgressMs = clock.now();
  for (;;) {
    signal.throwIfAborted();
    const state = await readState().catch(() => undefined);
    if (state?.done === true) return;
    if (state !== undefined && state.mark !== mark) {
      mark = state.mark;
      lastProgressMs = clock.now();
    }
    if (clock.now() - lastProgressMs > NO_PROGRESS_SECONDS * 1000) {
      throw new NoProgressError(what, NO_PROGRESS_SECONDS);
    }
    await clock.wait(INTERVAL_MS, signal);
  }
}
