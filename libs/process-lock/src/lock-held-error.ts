import { OrderstreamError } from '@orderstream/errors';

/** A running process holds the lock. Nothing was changed. */
export class LockHeldError extends OrderstreamError {
  readonly code = 'LOCK_HELD';

  constructor(
    path: string,
    readonly pid: number,
  ) {
    super(`The running process ${String(pid)} holds the lock ${path}. Stop it first.`);
  }
}
