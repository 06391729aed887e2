import { Module } from '@nestjs/common';
import { SERVICE_CONTROL } from '@orderstream/admin';

import { Bridge } from './bridge';
import { OrdersController } from './orders.controller';

@Module({
  controllers: [OrdersController],
  providers: [Bridge, { provide: SERVICE_CONTROL, useExisting: Bridge }],
})
export class PubSubBridgeModule {}
