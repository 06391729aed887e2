import { Module } from '@nestjs/common';
import { BatchService } from './control/batch-service';
import { RunsController } from './control/runs.controller';

@Module({ controllers: [RunsController], providers: [BatchService] })
export class BatchLoaderModule {}
