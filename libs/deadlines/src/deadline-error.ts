import { OrderstreamError } from '@orderstream/errors';

/** A condition was not met before its deadline. */
export class DeadlineError extends OrderstreamError {
  readonly code = 'DEADLINE_EXCEEDED';

  constructor(what: string, deadlineMs: number, cause?: unknown) {
    const last = cause instanceof Error ? `; the last attempt: ${cause.message.split('\n', 1).join()}` : '';
    const waited = `Waited ${String(Math.round(deadlineMs / 1000))} s without success for ${what}`;
    super(`${waited}${last}.`, { retriable: true, cause });
  }
}
