import { Controller } from '@nestjs/common';
import { Ctx, Payload } from '@nestjs/microservices';
import { rawTopic } from '@orderstream/contracts';
import { BatchContext, BatchHandler, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';
import { TRANSPORTS, Validators } from './validators';

/** Hands each family's batches to its partitions. The outcome is the batch's commit: nothing is left behind it. */
@Controller()
export class ValidatorController {
  constructor(private readonly validators: Validators) {}

  @BatchHandler(rawTopic('orders'), TRANSPORTS.orders)
  orders(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.validators.of('orders').handle(batch, context.signal);
  }

  @BatchHandler(rawTopic('interactions'), TRANSPORTS.interactions)
  interactions(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.validators.of('interactions').handle(batch, context.signal);
  }

  @BatchHandler(rawTopic('catalog'), TRANSPORTS.catalog)
  catalog(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.validators.of('catalog').handle(batch, context.signal);
  }

  @BatchHandler(rawTopic('customers'), TRANSPORTS.customers)
  customers(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.validators.of('customers').handle(batch, context.signal);
  }
}
