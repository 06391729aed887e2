import { BaseRpcContext } from '@nestjs/microservices';
import { type PartitionRef, type RecordBatch } from '../record';

type Args = [batch: RecordBatch, partition: PartitionRef, signal: AbortSignal];

/** What a handler gets beside the batch. */
export class BatchContext extends BaseRpcContext<Args> {
  constructor(batch: RecordBatch, partition: PartitionRef, signal: AbortSignal) {
    super([batch, partition, signal]);
  }
  get batch(): RecordBatch {
    return this.args[0];
  }
  get partition(): PartitionRef {
    return this.args[1];
  }
  /** Aborted when the partition is revoked or its task closes. */
  get signal(): AbortSignal {
    return this.args[2];
  }
}
