import { KafkaOperatorLog, type ServiceDefinition } from '@orderstream/service';
import { batchLoaderSettings, type BatchLoaderSettings } from './batch-loader.config';
import { BatchLoaderModule } from './batch-loader.module';
import { BatchService } from './control/batch-service';
import { BatchStatusDto } from './control/batch-status.dto';
import { DailySchedule } from './daily/daily-schedule';

/** The batch loader as a service, for `runService`. */
export const batchLoaderDefinition = (): ServiceDefinition<BatchLoaderSettings> => ({
  name: 'batch-loader',
  settings: batchLoaderSettings,
  operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
  module: () => BatchLoaderModule,
  admin: { status: BatchStatusDto },
  dependencies: (app) => app.get(BatchService).dependencies(),
  prepare: async (app) => {
    await app.get(BatchService).prepare();
    app.get(DailySchedule).start();
  },
});
