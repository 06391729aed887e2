import { runService } from '@orderstream/service';

import { BridgeStatusDto } from './control/bridge-status.dto';
import { PubSubBridgeService } from './pubsub-bridge.service';
import { pubsubBridgeSettings } from './pubsub-bridge.config';
import { PubSubBridgeModule } from './pubsub-bridge.module';

void runService({
  name: 'pubsub-bridge',
  settings: pubsubBridgeSettings,
  module: () => PubSubBridgeModule,
  admin: { status: BridgeStatusDto },
  dependencies: (app) => app.get(PubSubBridgeService).dependencies(),
  prepare: (app) => app.get(PubSubBridgeService).prepare(),
  servers: (app) => [app.get(PubSubBridgeService).createServer()],
});
