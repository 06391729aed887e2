import { BaseRpcContext } from '@nestjs/microservices';
import { type RecordBatch } from '../record';
import { type TopicPartition } from '../topic-partition';

type Args = [batch: RecordBatch, partition: TopicPartition, signal: AbortSignal];

/** The second argument of a batch handler. */
export class BatchContext extends BaseRpcContext<Args> {
  constructor(batch: RecordBatch, partition: TopicPartition, signal: AbortSignal) {
    super([batch, partition, signal]);
  }
  get batch(): RecordBatch {
    return this.args[0];
  }
  get partition(): TopicPartition {
    return this.args[1];
  }
  /** Aborts when the partition is revoked or its task closes. */
  get signal(): AbortSignal {
    return this.args[2];
  }
}
