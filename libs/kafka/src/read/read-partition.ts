import { type Kafka } from 'kafkajs';
import { type RecordBatch } from '../record';

export interface ReadPartitionOptions {
  readonly topic: string;
  readonly partition: number;
  readonly from: number | 'beginning';
  /** First offset that is not wanted; `end` is the last stable offset (uncommitted: the high watermark) at the call. */
  readonly until: number | 'end';
  readonly isolation?: 'committed' | 'uncommitted';
  readonly signal?: AbortSignal;
  /** Without any answer of the broker for that long: ReadTimeoutError. Default 30,000. */
  readonly stallTimeoutMs?: number;
}

export function readPartition(
  kafka: Kafka,
  options: ReadPartitionOptions,
  onBatch: (batch: RecordBatch) => void | Promise<void>,
): Promise<{ nextOffset: number }> {
  throw new Error(`not built yet: ${String(kafka)} ${String(options)} ${String(onBatch)}`);
}
