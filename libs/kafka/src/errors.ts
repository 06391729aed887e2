import { type ErrorCode, type ErrorOptions, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition, transactionalIdOf } from './topic-partition';

/** No broker accepted a connection before the deadline of the start. */
export class KafkaUnreachableError extends OrderstreamError {
  readonly code = 'KAFKA_UNREACHABLE' satisfies ErrorCode;
}

/** A topic exists with a partition count that differs from its contract. Its partitions are not read. */
export class TopicMismatchError extends OrderstreamError {
  readonly code = 'TOPIC_MISMATCH' satisfies ErrorCode;
  constructor(
    readonly topic: string,
    found: number,
    expected: number,
  ) {
    super(
      `${topic} has ${found.toString()} partitions, not ${expected.toString()}. The partition count of a topic never ` +
        'changes, because the partition of a key depends on it: its partitions are not read. Create a new version of the ' +
        `topic, or delete and re-create it with ${expected.toString()} partitions, then POST /admin/resume. Records that ` +
        'producers have written to other partitions since then must be produced again ' +
        '(docs/kafka-transport.md#topics-that-change).',
    );
  }
}

/** The records of a topic would have the times that their producers choose, where the rules need append times. */
export class TimestampTypeError extends OrderstreamError {
  readonly code = 'TOPIC_MISMATCH' satisfies ErrorCode;
}

/** A consumed topic was deleted and re-created: offsets and state of the previous topic mean nothing in it. */
export class TopicChangedError extends OrderstreamError {
  readonly code = 'TOPIC_CHANGED' satisfies ErrorCode;
  constructor(
    readonly topic: string,
    readonly previousId: string,
    readonly id: string,
  ) {
    super(
      `${topic} was re-created: its topic id was ${previousId} and is ${id}. Offsets and state of the previous topic do ` +
        'not count in it, so its partitions have stopped.',
    );
  }
}

/** The brokers belong to another cluster than KAFKA_CLUSTER_ID says. */
export class ClusterMismatchError extends OrderstreamError {
  readonly code = 'CLUSTER_MISMATCH' satisfies ErrorCode;
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

/** A transaction that changes the committed offset stays open in `__consumer_offsets`: nothing says where to continue. */
export class OffsetUnstableError extends OrderstreamError {
  readonly code = 'OFFSET_UNSTABLE' satisfies ErrorCode;
  constructor(groupId: string, partition: TopicPartition, forMs: number, options?: ErrorOptions) {
    super(
      `The committed offset of group ${groupId} for ${partitionName(partition)} has been UNSTABLE_OFFSET_COMMIT for ` +
        `${(forMs / 1_000).toFixed(1)} s: a transaction that changes it is not completed in __consumer_offsets. Reading it ` +
        `is retried. If this lasts, the broker has lost the end of a transaction of ${transactionalIdOf(groupId, partition)}: ` +
        '`kafka-transactions.sh find-hanging --topic __consumer_offsets` names it, and `kafka-transactions.sh abort` ends it. ' +
        'Read docs/kafka-transport.md#a-transaction-that-stays-open first: it says what an abort may repeat.',
      { retriable: true, ...options },
    );
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

/** The place of a record batch in its log, as its header has it. */
export interface BatchPlace extends TopicPartition {
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** The offset behind the batch. */
  readonly nextOffset: number;
  readonly records: number;
  /** Milliseconds since the Unix epoch: the append time on LogAppendTime topics, else the largest of its records. */
  readonly timestamp: number;
  /** 0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd. */
  readonly codec: number;
}

/**
 * A record batch cannot be decoded: its bytes are damaged, its codec is unknown, or it decompresses to too much. The
 * partition stops; `fetchUnreadableBatch` returns the batch undecoded, for the command that skips it.
 */
export class LogUnreadableError extends OrderstreamError {
  readonly code = 'LOG_UNREADABLE' satisfies ErrorCode;
  /** Undefined when the header of the batch cannot be read. */
  readonly batch: BatchPlace | undefined;
  constructor(message: string, { batch, ...options }: ErrorOptions & { readonly batch?: BatchPlace } = {}) {
    super(message, options);
    this.batch = batch;
  }
}

/** A topic does not have exactly one batch handler. Stops the start. */
export class HandlerMismatchError extends OrderstreamError {
  readonly code = 'HANDLER_MISMATCH' satisfies ErrorCode;
}
