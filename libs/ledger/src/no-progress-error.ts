import { OrderstreamError } from '@orderstream/errors';

/** The pipeline stood still for too long while something was still to be done. */
export class NoProgressError extends OrderstreamError {
  readonly code = 'NO_PROGRESS';

  constructor(what: string, seconds: number) {
    super(`Nothing moved for ${String(seconds)} s while waiting for ${what}.`);
  }
}
