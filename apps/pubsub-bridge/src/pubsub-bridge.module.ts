import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/service';

import { Bridge } from './bridge';
import { BRIDGE_SOURCE, validatedOrders } from './bridge-source';
import { OrdersController } from './orders.controller';

@Module({
  controllers: [OrdersController],
  providers: [
    Bridge,
    { provide: SERVICE_CONTROL, useExisting: Bridge },
    { provide: BRIDGE_SOURCE, useFactory: validatedOrders },
  ],
})
export class PubSubBridgeModule {}
