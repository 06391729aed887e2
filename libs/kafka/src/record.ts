import type { IHeaders } from 'kafkajs';

/** Kafka headers as kafkajs has them: a repeated name is an array; values from the broker are Buffers. */
export type RecordHeaders = IHeaders;

/** One record of the log. Its identity is (topic, partition, offset). */
export interface KafkaRecord {
  readonly topic: string;
  readonly partition: number;
  /** Safe integer: an offset above 2^53 is rejected at the edge. */
  readonly offset: number;
  /** Milliseconds since the epoch; the append time on LogAppendTime topics. */
  readonly timestamp: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** Consecutive committed records of one partition. Offsets may have gaps (transaction markers, aborted records). */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly records: readonly KafkaRecord[];
  /** The position after this batch: the offset from which nothing of it has to be read again. May lie beyond the last record + 1. */
  readonly nextOffset: number;
  /** End of the partition for a read_committed reader, as the broker last told. */
  readonly highWatermark: number;
}

/** A record to be produced. The partition is always explicit: kafkajs runs a partitioner again when it retries. */
export interface OutputRecord {
  readonly topic: string;
  readonly partition: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
  /** Milliseconds since the epoch; the time of sending when absent. */
  readonly timestamp?: number;
}

export interface PartitionRef {
  readonly topic: string;
  readonly partition: number;
}
