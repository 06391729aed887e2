import { type ErrorCode, type ErrorOptions, OrderstreamError } from '@orderstream/errors';

/** No broker accepted a connection before the deadline of the start. */
export class KafkaUnreachableError extends OrderstreamError {
  readonly code = 'KAFKA_UNREACHABLE' satisfies ErrorCode;
}

/** A topic exists with a partition count that differs from its contract. Stops the start. */
export class TopicMismatchError extends OrderstreamError {
  readonly code = 'TOPIC_MISMATCH' satisfies ErrorCode;
}

/** A topic does not exist, or a partition of it has no leader. Stops the start. */
export class TopicMissingError extends OrderstreamError {
  readonly code = 'TOPIC_MISSING' satisfies ErrorCode;
}

/** The record is larger than the topic takes, even compressed. It can never be sent. */
export class RecordTooLargeError extends OrderstreamError {
  readonly code = 'RECORD_TOO_LARGE' satisfies ErrorCode;
}

/** A reader made no progress before its deadline. */
export class ReadTimeoutError extends OrderstreamError {
  readonly code = 'READ_TIMEOUT' satisfies ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, { retriable: true, ...options });
  }
}

/**
 * A transaction did not commit, or its outcome is unknown. `aborted`: nothing of it counts. `unknown`: all of it counts or
 * nothing does; open the partition again, and its committed offset shows which. PartitionTransactions is unusable in both
 * cases.
 */
export class TransactionFailedError extends OrderstreamError {
  readonly code = 'TRANSACTION_FAILED' satisfies ErrorCode;
  constructor(
    message: string,
    readonly outcome: 'aborted' | 'unknown',
    /** Another instance has opened the partition since, and owns it now. */
    readonly fenced: boolean,
    options?: ErrorOptions,
  ) {
    super(message, { retriable: true, ...options });
  }
}

/** A send failed. The records in `acked` are stored; each other record is stored once or not at all. */
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

/** The log does not hold the offset to read: retention deleted it, or the topic was re-created. An operator decides. */
export class OffsetOutOfRangeError extends OrderstreamError {
  readonly code = 'OFFSET_OUT_OF_RANGE' satisfies ErrorCode;
}

/** A record batch cannot be decoded: its codec is unknown, or its bytes are damaged. */
export class LogUnreadableError extends OrderstreamError {
  readonly code = 'LOG_UNREADABLE' satisfies ErrorCode;
}

/** A topic does not have exactly one batch handler. Stops the start. */
export class HandlerMismatchError extends OrderstreamError {
  readonly code = 'HANDLER_MISMATCH' satisfies ErrorCode;
}
