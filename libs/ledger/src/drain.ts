import { setTimeout as delay } from 'node:timers/promises';
import { NoProgressError } from './no-progress-error';

const NO_PROGRESS_SECONDS = 60;
const INTERVAL_MS = 300;

/** One look at something that is to run empty. */
export interface DrainState {
  readonly done: boolean;
  /** Anything that changes as long as something moves. */
  readonly mark: string;
}

/** The time by which it is seen that nothing moves. */
export interface DrainClock {
  /** Milliseconds that only grow. */
  now(): number;
  /** Rejects when the signal aborts. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

const SYSTEM_CLOCK: DrainClock = {
  now: () => performance.now(),
  wait: (ms, signal) => delay(ms, undefined, { signal }),
};

/**
 * Looks until it is done.
 *
 * @throws NoProgressError when nothing moves for 60 s; a look that fails (a part is being started again) is not a move
 */
export async function untilDrained(
  what: string,
  look: () => Promise<DrainState>,
  signal: AbortSignal,
  clock: DrainClock = SYSTEM_CLOCK,
): Promise<void> {
  let mark: string | undefined;
  let movedAt = clock.now();
  for (;;) {
    signal.throwIfAborted();
    const state = await look().catch(() => undefined);
    if (state?.done === true) return;
    if (state !== undefined && state.mark !== mark) {
      mark = state.mark;
      movedAt = clock.now();
    }
    if (clock.now() - movedAt > NO_PROGRESS_SECONDS * 1000) throw new NoProgressError(what, NO_PROGRESS_SECONDS);
    await clock.wait(INTERVAL_MS, signal);
  }
}
