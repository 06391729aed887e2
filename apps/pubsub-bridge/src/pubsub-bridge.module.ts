import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';

import { BridgeController } from './control/bridge.controller';
import { PubSubBridgeService } from './pubsub-bridge.service';
import { BRIDGE_SOURCE, validatedOrders } from './bridge-source';
import { OrdersController } from './orders.controller';

@Module({
  controllers: [OrdersController, BridgeController],
  providers: [
    PubSubBridgeService,
    { provide: SERVICE_CONTROL, useExisting: PubSubBridgeService },
    { provide: BRIDGE_SOURCE, useFactory: validatedOrders },
  ],
})
export class PubSubBridgeModule {}
