import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { ack, BatchContext, type BatchOutcome, type RecordBatch, retry } from '@orderstream/kafka';

import { Bridge, SOURCE_TOPIC, TRANSPORT_ID } from './bridge';
import { RETRY_AFTER_MS } from './lanes/lanes';

/** Validated orders, on their way to Pub/Sub. */
@Controller()
export class OrdersController {
  constructor(private readonly bridge: Bridge) {}

  /** `ack` says that the next batch may come: what is settled is known to the lane, and committed by it. */
  @EventPattern<string | symbol>(SOURCE_TOPIC, TRANSPORT_ID)
  async publish(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    try {
      await this.bridge.lanes.withLane(context.partition, (lane) => lane.take(batch));
      return ack();
    } catch (error) {
      return retry(RETRY_AFTER_MS, error);
    }
  }
}
