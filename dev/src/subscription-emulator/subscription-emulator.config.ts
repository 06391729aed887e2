import {
  bigquerySettings,
  defineSettings,
  pubsubSettings,
  serviceSettings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';

/** Settings of the emulator for the BigQuery subscription. */
export const subscriptionEmulatorSettings = defineSettings(
  {
    service: withDefaults(serviceSettings, { HTTP_PORT: '3005' }),
    pubsub: pubsubSettings,
    bigquery: bigquerySettings,
  },
  ({ pubsub, bigquery }) =>
    pubsub.emulatorHost === undefined || !bigquery.apiEndpoint?.startsWith('http:')
      ? [
          'PUBSUB_EMULATOR_HOST and BIGQUERY_API_ENDPOINT must be set, the latter to an emulator: Google Cloud delivers its subscriptions itself',
        ]
      : [],
);
export type SubscriptionEmulatorSettings = SettingsOf<typeof subscriptionEmulatorSettings>;
