import { OrderstreamError } from '@orderstream/errors';

/** A running process holds the lock. Nothing was changed. */
export class LockHeldError extends OrderstreamError {
  readonly code = 'LOCK_HELD';

  constructor(
    path: string,
    readonly pid: number,
  ) {
    super(`Process ${String(pid)} holds the lock ${path}.`);
  }
}
