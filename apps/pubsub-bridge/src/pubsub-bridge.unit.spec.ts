import { documentsItsProblems } from '../../../test/support/admin-problems.features';
import { BridgeStatusDto } from './control/bridge-status.dto';
import { pubsubBridgeSettings } from './pubsub-bridge.config';
import { PubSubBridgeModule } from './pubsub-bridge.module';

describe('the administration of pubsub-bridge', () => {
  documentsItsProblems({
    name: 'pubsub-bridge',
    settings: pubsubBridgeSettings,
    module: () => PubSubBridgeModule,
    admin: { status: BridgeStatusDto },
  });
});
