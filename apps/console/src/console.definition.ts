import { KafkaOperatorLog, type ServiceDefinition } from '@orderstream/service';
import { ConsoleStatusDto } from './console-status.dto';
import { consoleSettings, type ConsoleSettings } from './console.config';
import { ConsoleModule } from './console.module';
import { ConsoleService } from './console.service';

/** The console, for `runService`. */
export const consoleDefinition = (): ServiceDefinition<ConsoleSettings> => ({
  name: 'console',
  settings: consoleSettings,
  operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
  module: () => ConsoleModule,
  admin: { status: ConsoleStatusDto },
  dependencies: (app) => app.get(ConsoleService).dependencies(),
  prepare: (app) => app.get(ConsoleService).prepare(),
});
