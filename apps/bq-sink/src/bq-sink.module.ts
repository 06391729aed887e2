import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';

import { BqSinkService } from './bq-sink.service';
import { FlushController } from './control/flush.controller';
import { ValidatedController } from './validated.controller';

@Module({
  controllers: [ValidatedController, FlushController],
  providers: [BqSinkService, { provide: SERVICE_CONTROL, useExisting: BqSinkService }],
})
export class BqSinkModule {}
