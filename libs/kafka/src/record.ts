import { type RecordHeaders } from './headers';
import { type TopicPartition } from './topic-partition';

/** One record of the log. Its identity is (topic, partition, offset). */
export interface KafkaRecord extends TopicPartition {
  /** A safe integer: the decoder rejects an offset above 2^53. */
  readonly offset: number;
  /** Milliseconds since the Unix epoch; the append time on LogAppendTime topics. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** A map; `headerFields` lists them in the order in which they came. */
  readonly headers: RecordHeaders;
}

/** Consecutive committed records of one partition. Offsets can have gaps (transaction markers, aborted records). */
export interface RecordBatch extends TopicPartition {
  readonly records: readonly KafkaRecord[];
  /** The offset to read next. It can lie beyond the last record + 1. */
  readonly nextOffset: number;
}

/** A record to produce. The partition is always explicit: kafkajs runs a partitioner again at each retry. */
export interface OutputRecord extends TopicPartition {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
  /** Milliseconds since the Unix epoch. Default: the time of sending. */
  readonly timestamp?: number;
}
