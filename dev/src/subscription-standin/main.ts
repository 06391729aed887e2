import { Module } from '@nestjs/common';
import { runService, SERVICE_CONTROL } from '@orderstream/admin';

import { SubscriptionStandin } from './subscription-standin';
import { subscriptionStandinSettings } from './subscription-standin.config';

@Module({ providers: [SubscriptionStandin, { provide: SERVICE_CONTROL, useExisting: SubscriptionStandin }] })
class SubscriptionStandinModule {}

void runService({
  name: 'subscription-standin',
  settings: subscriptionStandinSettings,
  module: () => SubscriptionStandinModule,
  prepare: (app) => {
    app.get(SubscriptionStandin).start();
    return Promise.resolve();
  },
});
