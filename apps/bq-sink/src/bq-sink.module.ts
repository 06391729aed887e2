import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';

import { Sink } from './sink';
import { ValidatedController } from './validated.controller';

@Module({
  controllers: [ValidatedController],
  providers: [Sink, { provide: SERVICE_CONTROL, useExisting: Sink }],
})
export class BqSinkModule {}
