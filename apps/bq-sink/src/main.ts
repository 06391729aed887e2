import { runService } from '@orderstream/admin';

import { bqSinkSettings } from './bq-sink.config';
import { BqSinkModule } from './bq-sink.module';
import { Sink } from './sink';

void runService({
  name: 'bq-sink',
  settings: bqSinkSettings,
  module: () => BqSinkModule,
  prepare: (app) => app.get(Sink).prepare(),
  servers: (app) => [app.get(Sink).createServer()],
});
