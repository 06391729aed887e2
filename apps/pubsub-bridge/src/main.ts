import { KafkaOperatorLog, runService } from '@orderstream/service';

import { BridgeStatusDto } from './control/bridge-status.dto';
import { PubSubBridgeService } from './pubsub-bridge.service';
import { pubsubBridgeSettings } from './pubsub-bridge.config';
import { PubSubBridgeModule } from './pubsub-bridge.module';
import { setPositionCommand } from './positions/set-position-command';

const [command, ...rest] = process.argv.slice(2);

if (command === 'set-position') {
  void setPositionCommand(rest).then((exitCode) => process.exit(exitCode));
} else {
  void runService({
    name: 'pubsub-bridge',
    settings: pubsubBridgeSettings,
    operatorLog: ({ kafka }, logger) => new KafkaOperatorLog(kafka, logger),
    module: () => PubSubBridgeModule,
    admin: { status: BridgeStatusDto },
    dependencies: (app) => app.get(PubSubBridgeService).dependencies(),
    prepare: (app) => app.get(PubSubBridgeService).prepare(),
    servers: (app) => [app.get(PubSubBridgeService).createServer()],
  });
}
