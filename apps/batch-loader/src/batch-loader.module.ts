import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';
import { BatchService } from './control/batch-service';
import { RunsController } from './control/runs.controller';
import { DailyController } from './daily/daily.controller';
import { DailySchedule } from './daily/daily-schedule';

@Module({
  controllers: [RunsController, DailyController],
  providers: [BatchService, DailySchedule, { provide: SERVICE_CONTROL, useExisting: BatchService }],
})
export class BatchLoaderModule {}
