import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';

import { BqSinkService } from './bq-sink.service';
import { ValidatedController } from './validated.controller';

@Module({
  controllers: [ValidatedController],
  providers: [BqSinkService, { provide: SERVICE_CONTROL, useExisting: BqSinkService }],
})
export class BqSinkModule {}
