import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { BatchContext, BatchHandler, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';

import { Bridge, TRANSPORT_ID } from './bridge';
import { VALIDATED_ORDERS } from './bridge-source';

/** Validated orders, on their way to Pub/Sub. */
@Controller()
export class OrdersController {
  constructor(private readonly bridge: Bridge) {}

  /** `ack` says that the next batch may come: what is settled is known to the partitionBridge, and committed by it. */
  @BatchHandler(VALIDATED_ORDERS, TRANSPORT_ID)
  publish(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.bridge.partitionBridges.take(batch, context.partition);
  }
}
