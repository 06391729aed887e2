import { type ErrorCode, type ErrorOptions, OrderstreamError } from '@orderstream/errors';

/** No broker let this client in before the deadline of the start. */
export class KafkaUnreachableError extends OrderstreamError {
  readonly code = 'KAFKA_UNREACHABLE' satisfies ErrorCode;
}

/** A topic exists with another partition count than its contract says. Stops the start. */
export class TopicMismatchError extends OrderstreamError {
  readonly code = 'TOPIC_MISMATCH' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

export class TopicMissingError extends OrderstreamError {
  readonly code = 'TOPIC_MISSING' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The record cannot be sent whatever is done: it is larger than the bound. */
export class RecordTooLargeError extends OrderstreamError {
  readonly code = 'RECORD_TOO_LARGE' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A reader got no answer before its deadline. */
export class ReadTimeoutError extends OrderstreamError {
  readonly code = 'READ_TIMEOUT' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
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

/** A send failed: `acked` is stored, each other record is stored once or not at all. */
export class ProduceFailedError extends OrderstreamError {
  readonly code = 'PRODUCE_FAILED' satisfies ErrorCode;
  constructor(
    message: string,
    readonly acked: readonly {
      readonly topic: string;
      readonly partition: number;
      readonly baseOffset: number;
      readonly count: number;
    }[],
    options?: ErrorOptions,
  ) {
    super(message, { retriable: true, ...options });
  }
}

/** The log no longer has, or never had, the position that was to be read. Nothing is guessed: an operator decides. */
export class PositionLostError extends OrderstreamError {
  readonly code = 'POSITION_LOST' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A record batch that cannot be decoded: unknown compression, or bytes that are no record batch. */
export class LogUnreadableError extends OrderstreamError {
  readonly code = 'LOG_UNREADABLE' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Not exactly one batch handler per topic. Stops the start. */
export class HandlerMismatchError extends OrderstreamError {
  readonly code = 'HANDLER_MISMATCH' satisfies ErrorCode;
  public constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
