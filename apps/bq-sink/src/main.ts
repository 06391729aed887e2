import { KafkaOperatorLog, runService } from '@orderstream/service';

import { bqSinkSettings } from './bq-sink.config';
import { BqSinkModule } from './bq-sink.module';
import { BqSinkService } from './bq-sink.service';
import { setPositionCommand } from './positions/set-position-command';

const [command, ...rest] = process.argv.slice(2);

if (command === 'set-position') {
  void setPositionCommand(rest).then((exitCode) => process.exit(exitCode));
} else {
  void runService({
    name: 'bq-sink',
    settings: bqSinkSettings,
    operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
    module: () => BqSinkModule,
    dependencies: (app) => app.get(BqSinkService).dependencies(),
    prepare: (app) => app.get(BqSinkService).prepare(),
    servers: (app) => app.get(BqSinkService).createServers(),
  });
}
