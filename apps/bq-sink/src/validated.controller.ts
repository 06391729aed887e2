import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { FAMILIES, validatedTopic } from '@orderstream/contracts';
import { BatchContext, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';

import { BqSinkService, TRANSPORT_ID } from './bq-sink.service';

/** Consumes the validated topics of all families. */
@Controller()
export class ValidatedController {
  constructor(private readonly sink: BqSinkService) {}

  /** `ack` requests the next batch; it does not mean that the rows are durable. The partition's commits say that. */
  @EventPattern(FAMILIES.map(validatedTopic), TRANSPORT_ID)
  append(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.sink.partitions.take(context.partition, batch);
  }
}
