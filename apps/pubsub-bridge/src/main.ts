import { runService } from '@orderstream/service';

import { PubSubBridgeService } from './pubsub-bridge.service';
import { pubsubBridgeSettings } from './pubsub-bridge.config';
import { PubSubBridgeModule } from './pubsub-bridge.module';

void runService({
  name: 'pubsub-bridge',
  settings: pubsubBridgeSettings,
  module: () => PubSubBridgeModule,
  prepare: (app) => app.get(PubSubBridgeService).prepare(),
  servers: (app) => [app.get(PubSubBridgeService).createServer()],
});
