import { runService } from '@orderstream/service';

import { Bridge } from './bridge';
import { pubsubBridgeSettings } from './pubsub-bridge.config';
import { PubSubBridgeModule } from './pubsub-bridge.module';

void runService({
  name: 'pubsub-bridge',
  settings: pubsubBridgeSettings,
  module: () => PubSubBridgeModule,
  prepare: (app) => app.get(Bridge).prepare(),
  servers: (app) => [app.get(Bridge).createServer()],
});
