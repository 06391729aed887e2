import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { BatchContext, BatchHandler, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';

import { PubSubBridgeService, TRANSPORT_ID } from './pubsub-bridge.service';
import { RETRIED_ORDERS, VALIDATED_ORDERS } from './bridge-source';

/** Publishes validated orders to Pub/Sub, and those that a replay returns. */
@Controller()
export class OrdersController {
  constructor(private readonly service: PubSubBridgeService) {}

  /** `ack` asks for the next batch. The partition's bridge tracks what is settled and commits it. */
  @BatchHandler(VALIDATED_ORDERS, TRANSPORT_ID)
  publish(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.service.partitions.take(batch, context.partition);
  }

  @BatchHandler(RETRIED_ORDERS, TRANSPORT_ID)
  publishRetried(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.publish(batch, context);
  }
}
