import { OrderstreamError } from '@orderstream/errors';

/** The pipeline made no progress for a time although it was not done. */
export class NoProgressError extends OrderstreamError {
  readonly code = 'NO_PROGRESS';

  constructor(what: string, seconds: number) {
    super(`No progress for ${String(seconds)} s while waiting for ${what}.`);
  }
}
