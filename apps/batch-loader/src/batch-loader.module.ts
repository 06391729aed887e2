import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';
import { BatchService } from './control/batch-service';
import { RunsController } from './control/runs.controller';

@Module({
  controllers: [RunsController],
  providers: [BatchService, { provide: SERVICE_CONTROL, useExisting: BatchService }],
})
export class BatchLoaderModule {}
