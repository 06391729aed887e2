import { Module } from '@nestjs/common';
import { runService, SERVICE_CONTROL } from '@orderstream/service';

import { SubscriptionEmulator } from './subscription-emulator';
import { subscriptionEmulatorSettings } from './subscription-emulator.config';

@Module({ providers: [SubscriptionEmulator, { provide: SERVICE_CONTROL, useExisting: SubscriptionEmulator }] })
class SubscriptionEmulatorModule {}

void runService({
  name: 'subscription-emulator',
  settings: subscriptionEmulatorSettings,
  module: () => SubscriptionEmulatorModule,
  prepare: (app) => {
    app.get(SubscriptionEmulator).start();
    return Promise.resolve();
  },
});
