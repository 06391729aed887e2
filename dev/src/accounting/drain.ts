import { setTimeout as delay } from 'node:timers/promises';
import { NoProgressError } from '../errors';

const NO_PROGRESS_SECONDS = 60;
const INTERVAL_MS = 300;

/** One look at something that is to run empty. */
export interface DrainState {
  readonly done: boolean;
  /** Anything that changes as long as something moves. */
  readonly mark: string;
}

/**
 * Looks until it is done.
 *
 * @throws NoProgressError when nothing moves for 60 s; a look that fails (a part is being started again) is not a move
 */
export async function untilDrained(
  what: string,
  look: () => Promise<DrainState>,
  signal: AbortSignal,
  noProgressSeconds = NO_PROGRESS_SECONDS,
): Promise<void> {
  let mark: string | undefined;
  let movedAt = performance.now();
  for (;;) {
    signal.throwIfAborted();
    const state = await look().catch(() => undefined);
    if (state?.done === true) return;
    if (state !== undefined && state.mark !== mark) {
      mark = state.mark;
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > noProgressSeconds * 1000) throw new NoProgressError(what, noProgressSeconds);
    await delay(INTERVAL_MS, undefined, { signal });
  }
}
