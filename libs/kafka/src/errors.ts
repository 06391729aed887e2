import { type ErrorCode, type ErrorOptions, OrderstreamError } from '@orderstream/errors';

/** A topic exists with another partition count than its contract says. Stops the start. */
export class TopicMismatchError extends OrderstreamError {
  readonly code = 'TOPIC_MISMATCH' satisfies ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export class TopicMissingError extends OrderstreamError {
  readonly code = 'TOPIC_MISSING' satisfies ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The record cannot be sent whatever is done: it is larger than the bound. */
export class RecordTooLargeError extends OrderstreamError {
  readonly code = 'RECORD_TOO_LARGE' satisfies ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A reader got no answer before its deadline. */
export class ReadTimeoutError extends OrderstreamError {
  readonly code = 'READ_TIMEOUT' satisfies ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, { retriable: true, ...options });
  }
}

/**
 * A transaction did not commit, or is not known to have. `aborted`: nothing of it counts. `unknown`: all of it may count or
 * nothing; open again, and the committed position tells. The transactions object is dead either way.
 */
export class TransactionFailedError extends OrderstreamError {
  readonly code = 'TRANSACTION_FAILED' satisfies ErrorCode;
  constructor(
    message: string,
    readonly outcome: 'aborted' | 'unknown',
    /** Another instance opened the partition after this one: it owns the partition now. */
    readonly fenced: boolean,
    options?: ErrorOptions,
  ) {
    super(message, { retriable: true, ...options });
  }
}
