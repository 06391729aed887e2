import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { FAMILIES, validatedTopic } from '@orderstream/contracts';
import { BatchContext, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';

import { Sink, TRANSPORT_ID } from './sink';

/** Validated events of all families, on their way to the warehouse. */
@Controller()
export class ValidatedController {
  constructor(private readonly sink: Sink) {}

  /** `ack` says that the next batch may come; what is durable is in the partition's commits. */
  @EventPattern(FAMILIES.map(validatedTopic), TRANSPORT_ID)
  append(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.sink.partitions.take(context.partition, batch);
  }
}
