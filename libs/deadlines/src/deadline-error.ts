import { OrderstreamError } from '@orderstream/errors';

/** A condition did not come true in its time. */
export class DeadlineError extends OrderstreamError {
  readonly code = 'DEADLINE_EXCEEDED';

  constructor(what: string, deadlineMs: number, cause?: unknown) {
    super(`Waited ${String(Math.round(deadlineMs / 1000))} s in vain for ${what}.`, { retriable: true, cause });
  }
}
