import type { ErrorCode } from './error-codes';

export interface ErrorOptions {
  /** The same call may succeed later, without any change by an operator. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/**
 * Base class of the errors that callers handle. The message says what happened, to which topic, partition, offset or
 * table, and what the operator can do.
 */
export abstract class OrderstreamError extends Error {
  abstract readonly code: ErrorCode;
  readonly retriable: boolean;

  constructor(message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.retriable = options.retriable ?? false;
  }
}

/** Whether a retry may help: `retriable` of our errors, and of kafkajs' errors. */
export function isRetriable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retriable' in error && error.retriable === true;
}
