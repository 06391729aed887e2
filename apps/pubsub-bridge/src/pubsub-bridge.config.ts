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
      'Order of delivery. `key`: the record key is the ordering key, and each key has one publish request at a time. `none`: no order.',
  }),
  deadLetterTopic: settings.string({
    env: 'PUBSUB_DEAD_LETTER_TOPIC',
    default: 'orders-topic-dead-letters',
    pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,200}$/,
    expected: 'a Pub/Sub resource id',
    description:
      'Dead-letter topic of the subscription: messages that BigQuery rejected. The pull subscription `<topic>-console` retains them.',
  }),
  maxDeliveryAttempts: settings.integer({
    env: 'PUBSUB_MAX_DELIVERY_ATTEMPTS',
    default: 20,
    min: 5,
    max: 100,
    description: 'Delivery attempts before Pub/Sub forwards a message to the dead-letter topic.',
  }),
  minRetryBackoffSeconds: settings.number({
    env: 'PUBSUB_MIN_RETRY_BACKOFF_SECONDS',
    default: 10,
    min: 0,
    max: 600,
    description: 'Minimum backoff between two deliveries of a message that BigQuery rejected, in seconds.',
  }),
  lingerMs: settings.integer({
    env: 'PUBSUB_LINGER_MS',
    default: 10,
    min: 0,
    max: 10_000,
    description: 'How long a message may wait for a publish request to fill, in milliseconds.',
  }),
  maxConcurrentRequests: settings.integer({
    env: 'PUBSUB_MAX_CONCURRENT_REQUESTS',
    default: 16,
    min: 1,
    max: 1_000,
    description: 'Publish requests in flight at the same time, per partition.',
  }),
  maxUnackedMessages: settings.integer({
    env: 'PUBSUB_MAX_UNACKED_MESSAGES',
    default: 8_000,
    min: 1,
    max: 1_000_000,
    description: 'Unacknowledged messages at which a partition takes no more records.',
  }),
  maxUnackedBytes: settings.integer({
    env: 'PUBSUB_MAX_UNACKED_BYTES',
    default: 16_777_216,
    min: 1,
    max: 1_073_741_824,
    description: 'Unacknowledged bytes at which a partition takes no more records.',
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
      'How long a publish request is retried, in milliseconds. After that, its partition is read again from the committed offset.',
  }),
  checkIntervalMs: settings.integer({
    env: 'PUBSUB_CHECK_INTERVAL_MS',
    default: 30_000,
    min: 100,
    max: 60_000,
    description:
      'How often topic and subscription are read, in milliseconds. A subscription that was deleted is put back, and while anything else differs, the service is not ready.',
  }),
  commitIntervalMs: settings.integer({
    env: 'PUBSUB_COMMIT_INTERVAL_MS',
    default: 1_000,
    min: 50,
    max: 60_000,
    description:
      'Interval of offset commits, in milliseconds. After a kill, what was published since the last commit is published again.',
  }),
  sessionTimeoutMs: settings.integer({
    env: 'PUBSUB_BRIDGE_SESSION_TIMEOUT_MS',
    default: 6_000,
    min: 1_000,
    max: 300_000,
    description:
      'Another instance takes over after this time without a heartbeat, in milliseconds. Brokers reject a value below their `group.min.session.timeout.ms`, which is 6000 by default.',
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
