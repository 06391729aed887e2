import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { FAMILIES, rawTopic } from '@orderstream/contracts';
import { BatchContext, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';
import { TRANSPORT_ID } from './partitions/family-server';
import { ValidatorService } from './validator.service';

/** Raw events of all families. */
@Controller()
export class ValidatorController {
  constructor(private readonly validator: ValidatorService) {}

  /** `ack`: the batch is committed. */
  @EventPattern(FAMILIES.map(rawTopic), TRANSPORT_ID)
  validate(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.validator.handle(batch, context.signal);
  }
}
