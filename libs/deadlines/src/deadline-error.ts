import { OrderstreamError } from '@orderstream/errors';

/** A condition was not met before its deadline. */
export class DeadlineError extends OrderstreamError {
  readonly code = 'DEADLINE_EXCEEDED';

  constructor(what: string, deadlineMs: number, cause?: unknown) {
    super(`Waited ${String(Math.round(deadlineMs / 1000))} s without success for ${what}.`, { retriable: true, cause });
  }
}
