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
import { memorySettings, ruleFields } from '@orderstream/quality';
import { z } from 'zod';

const letterSettings = defineSettings({
  maxLetters: settings.integer({
    env: 'CONSOLE_MAX_LETTERS',
    default: 2_000_000,
    min: 1_000,
    max: 50_000_000,
    description:
      'Dead letters that the index holds in memory, 48 bytes each. Beyond it, the first letters of the largest partition are left out, and every list says how many.',
  }),
  foreignTopics: settings.optional(
    settings.list({
      env: 'FOREIGN_DEAD_LETTER_TOPICS',
      item: /^[\w.-]{1,249}$/,
      expected: 'a comma-separated list of topics',
      description:
        'Dead-letter topics of other programs, with the headers of Kafka Connect (`__connect.errors.*`) or Spring (`kafka_dlt-*`). They are listed and grouped with the others, and plans return them to their source topics. The console does not create them. Unset: none.',
    }),
  ),
  refreshMs: settings.integer({
    env: 'CONSOLE_REFRESH_MS',
    default: 1_000,
    min: 50,
    max: 60_000,
    description: 'Pause between two looks at the ends of the dead-letter topics, in milliseconds.',
  }),
});

const serviceUrls = z
  .record(z.string().regex(/^[a-z][a-z0-9-]{0,62}$/), z.string().regex(/^https?:\/\/[^\s/?#@]+$/))
  .refine((urls) => Object.keys(urls).length <= 100)
  .readonly();

const overviewSettings = defineSettings({
  serviceUrls: settings.json({
    env: 'SERVICE_URLS',
    default: {
      'order-generator': 'http://127.0.0.1:3001',
      validator: 'http://127.0.0.1:3002',
      'bq-sink': 'http://127.0.0.1:3003',
      'pubsub-bridge': 'http://127.0.0.1:3004',
    },
    schema: serviceUrls,
    expected:
      'a JSON object such as `{"validator": "http://127.0.0.1:3002"}`: names of services and their URLs, without a path',
    description:
      'The services that `/admin/overview` asks, by name. Give each instance of a scaled service a name of its own, such as `validator-2`.',
  }),
  token: settings.optional(
    settings.string({
      env: 'SERVICE_TOKEN',
      secret: true,
      description:
        'Bearer token of a viewer with which the console asks the services for `/admin/status`. Unset: the overview has only what `/health` and `/metrics` say.',
    }),
  ),
  operatorToken: settings.optional(
    settings.string({
      env: 'SERVICE_OPERATOR_TOKEN',
      secret: true,
      description:
        'Bearer token of an operator with which the console asks the validators (`validator`, `validator-…` of SERVICE_URLS) to forget an erased customer. Unset: their state forgets by its bounds only.',
    }),
  ),
  timeoutMs: settings.integer({
    env: 'SERVICE_TIMEOUT_MS',
    default: 2_000,
    min: 50,
    max: 30_000,
    description:
      'Deadline of one request to a service, in milliseconds. A service that does not answer by then is shown as unreachable.',
  }),
});

const rejectedSettings = defineSettings({
  subscription: settings.optional(
    settings.string({
      env: 'PUBSUB_DEAD_LETTER_SUBSCRIPTION',
      pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
      expected: 'a Pub/Sub resource id (3 to 255 characters, a letter first)',
      description:
        'Pull subscription of the dead-letter topic, `orders-topic-dead-letters-console` as the bridge creates it. What BigQuery rejected is moved from there to the dead-letter topic of the bridge, in Kafka. Unset: it stays in Pub/Sub.',
    }),
  ),
});

/** All settings of the console. */
export const consoleSettings = defineSettings({
  service: withDefaults(serviceSettings, { HTTP_PORT: '3006' }),
  kafka: withDefaults(kafkaSettings, { KAFKA_CLIENT_ID: 'console' }),
  pubsub: pubsubSettings,
  bigquery: bigquerySettings,
  rejected: rejectedSettings,
  letters: letterSettings,
  overview: overviewSettings,
  // As the validators have them: the dry run of a replay evaluates by them.
  rules: defineSettings(ruleFields),
  state: memorySettings,
});
export type ConsoleSettings = SettingsOf<typeof consoleSettings>;
