import type { ErrorCode } from './error-codes';

export interface ErrorOptions {
  /** The same call may succeed later without anybody changing anything. */
  readonly retriable?: boolean;
  readonly cause?: unknown;
}

/**
 * Base of every error that a caller handles on purpose. The message says what happened, to which
 * topic/partition/offset/table, and what the operator can do.
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

/** Whether the error says of itself that trying again may help: ours by `retriable`, kafkajs' by the same name. */
export function isRetriable(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'retriable' in error && error.retriable === true;
}
