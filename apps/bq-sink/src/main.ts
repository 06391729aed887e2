import { runService } from '@orderstream/service';

import { bqSinkSettings } from './bq-sink.config';
import { BqSinkModule } from './bq-sink.module';
import { setPositionCommand } from './positions/set-position-command';
import { Sink } from './sink';

const [command, ...rest] = process.argv.slice(2);

if (command === 'set-position') {
  void setPositionCommand(rest).then((exitCode) => process.exit(exitCode));
} else {
  void runService({
    name: 'bq-sink',
    settings: bqSinkSettings,
    module: () => BqSinkModule,
    prepare: (app) => app.get(Sink).prepare(),
    servers: (app) => [app.get(Sink).createServer()],
  });
}
