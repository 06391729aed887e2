import {
  bigquerySettings,
  defineSettings,
  kafkaSettings,
  pubsubSettings,
  serviceSettings,
  settings,
  type SettingsOf,
  withDefaults,
} from '@orderstream/config';

const publishSettings = defineSettings({
  ordering: settings.oneOf({
    env: 'PUBSUB_ORDERING',
    default: 'none',
    values: ['none', 'key'],
    description:
      'Whether the events of one customer keep their order (`key`: ordering key = record key, one request at a time per key) or not.',
  }),
  deadLetterTopic: settings.string({
    env: 'PUBSUB_DEAD_LETTER_TOPIC',
    default: 'orders-topic-dead-letters',
    pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,200}$/,
    expected: 'a Pub/Sub resource id',
    description:
      'Topic for messages that the table did not take; `<it>-console` is a pull subscription that keeps them.',
  }),
  maxDeliveryAttempts: settings.integer({
    env: 'PUBSUB_MAX_DELIVERY_ATTEMPTS',
    default: 20,
    min: 5,
    max: 100,
    description: 'Deliveries to the table before a message goes to the dead-letter topic.',
  }),
  minRetryBackoffSeconds: settings.number({
    env: 'PUBSUB_MIN_RETRY_BACKOFF_SECONDS',
    default: 10,
    min: 0,
    max: 600,
    description: 'Shortest time between two deliveries of a message that the table did not take, in seconds.',
  }),
  lingerMs: settings.integer({
    env: 'PUBSUB_LINGER_MS',
    default: 10,
    min: 0,
    max: 10_000,
    description: 'How long a record may wait for others to share its publish request, in milliseconds.',
  }),
  maxConcurrentRequests: settings.integer({
    env: 'PUBSUB_MAX_CONCURRENT_REQUESTS',
    default: 16,
    min: 1,
    max: 1_000,
    description: 'Publish requests under way at once, for each partition.',
  }),
  maxUnackedMessages: settings.integer({
    env: 'PUBSUB_MAX_UNACKED_MESSAGES',
    default: 8_000,
    min: 1,
    max: 1_000_000,
    description: 'Messages not yet acknowledged at which a partition waits.',
  }),
  maxUnackedBytes: settings.integer({
    env: 'PUBSUB_MAX_UNACKED_BYTES',
    default: 16_777_216,
    min: 1,
    max: 1_073_741_824,
    description: 'Bytes not yet acknowledged at which a partition waits.',
  }),
  requestTimeoutMs: settings.integer({
    env: 'PUBSUB_REQUEST_TIMEOUT_MS',
    default: 30_000,
    min: 100,
    max: 600_000,
    description: 'Deadline of one publish request, in milliseconds.',
  }),
  retryTimeoutMs: settings.integer({
    env: 'PUBSUB_RETRY_TIMEOUT_MS',
    default: 60_000,
    min: 0,
    max: 600_000,
    description:
      'How long a publish request is tried again, in milliseconds, before its partition is read anew from the committed offset.',
  }),
  commitIntervalMs: settings.integer({
    env: 'PUBSUB_COMMIT_INTERVAL_MS',
    default: 1_000,
    min: 50,
    max: 60_000,
    description: 'How often offsets are committed, in milliseconds: what a kill may publish twice.',
  }),
  sessionTimeoutMs: settings.integer({
    env: 'PUBSUB_BRIDGE_SESSION_TIMEOUT_MS',
    default: 6_000,
    min: 1_000,
    max: 300_000,
    description:
      'After that long without a heartbeat another instance takes over, in milliseconds. Brokers reject less than their `group.min.session.timeout.ms`, which is 6000 by default.',
  }),
});

/** All settings of pubsub-bridge. */
export const pubsubBridgeSettings = defineSettings({
  service: withDefaults(serviceSettings, { HTTP_PORT: '3004' }),
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'pubsub-bridge' }),
  pubsub: pubsubSettings,
  bigquery: bigquerySettings,
  publish: publishSettings,
});
export type PubSubBridgeSettings = SettingsOf<typeof pubsubBridgeSettings>;
