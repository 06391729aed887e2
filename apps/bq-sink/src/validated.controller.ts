import { Controller } from '@nestjs/common';
import { Ctx, EventPattern, Payload } from '@nestjs/microservices';
import { LETTER_TOPICS } from '@orderstream/contracts';
import { BatchContext, type BatchOutcome, type RecordBatch } from '@orderstream/kafka';

import { BqSinkService, LETTERS_TRANSPORT_ID, TRANSPORT_ID } from './bq-sink.service';
import { EVENT_TOPICS } from './sink-topics';

/** Consumes the validated topics and the retry topics of all families, and the dead-letter topics of all services. */
@Controller()
export class ValidatedController {
  constructor(private readonly sink: BqSinkService) {}

  /** `ack` requests the next batch; it does not mean that the rows are durable. The partition's commits say that. */
  @EventPattern(EVENT_TOPICS, TRANSPORT_ID)
  append(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.sink.partitions.take(context.partition, batch, context.signal);
  }

  @EventPattern([...LETTER_TOPICS], LETTERS_TRANSPORT_ID)
  appendLetters(@Payload() batch: RecordBatch, @Ctx() context: BatchContext): Promise<BatchOutcome> {
    return this.append(batch, context);
  }
}
