import { bigquerySettings, defineSettings, kafkaSettings, withDefaults } from '@orderstream/config';

/** Settings of the program `pubsub-rewind` in docker-compose.yml. */
export const pubsubRewindSettings = defineSettings(
  { kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'pubsub-rewind' }), bigquery: bigquerySettings },
  ({ bigquery }) =>
    bigquery.apiEndpoint?.startsWith('http:')
      ? []
      : [
          'BIGQUERY_API_ENDPOINT must be set, to an emulator: a subscription of Google Cloud delivers late, but loses nothing',
        ],
);
