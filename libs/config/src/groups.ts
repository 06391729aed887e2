import { z } from 'zod';
import { settings } from './setting';
import { defineSettings, type SettingsOf } from './settings-spec';

/** What an actor may do at `/admin`: a viewer looks, an operator changes things as well. */
const ADMIN_ROLES = ['viewer', 'operator'] as const;
export type AdminRole = (typeof ADMIN_ROLES)[number];

const adminTokens = z
  .array(
    z
      .strictObject({
        name: z.string().regex(/^[\w.@-]{1,64}$/),
        role: z.enum(ADMIN_ROLES),
        sha256: z.string().regex(/^[0-9a-f]{64}$/),
      })
      .readonly(),
  )
  .max(64)
  .refine((tokens) => new Set(tokens.map(({ name }) => name)).size === tokens.length)
  .readonly();

/** A bearer token that `/admin` accepts: who it is, what they may do, and the SHA-256 (hex) of the token itself. */
export type AdminToken = z.infer<typeof adminTokens>[number];

/** What every service has: its HTTP server, its log, its way to stop. */
export const serviceSettings = defineSettings({
  httpHost: settings.string({
    env: 'HTTP_HOST',
    default: '127.0.0.1',
    description: 'Address that health, metrics and `/admin` listen on. Loopback unless told otherwise.',
  }),
  httpPort: settings.integer({
    env: 'HTTP_PORT',
    default: 3001,
    min: 0,
    max: 65_535,
    description: 'Port of the same server; 0 takes a free one and logs it.',
  }),
  logLevel: settings.oneOf({
    env: 'LOG_LEVEL',
    default: 'info',
    values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    description: 'Least severe level that is logged (JSON lines on standard output).',
  }),
  adminTokens: settings.json({
    env: 'ADMIN_TOKENS',
    default: [],
    schema: adminTokens,
    secret: true,
    expected:
      'a JSON array of `{"name": "…", "role": "viewer"|"operator", "sha256": "<64 lower-case hex digits>"}`, names unique, 64 at most',
    description:
      'Who may use `/admin`; `sha256` is the SHA-256 of the bearer token (make one by `openssl rand -hex 32`, its digest by `printf %s "$TOKEN" | sha256sum`). Without any, `/admin` rejects everything.',
  }),
  shutdownTimeoutMs: settings.integer({
    env: 'SHUTDOWN_TIMEOUT_MS',
    default: 25_000,
    min: 100,
    max: 600_000,
    description: 'How long a stop may take to drain, in milliseconds, before the process exits with code 1.',
  }),
});
export type ServiceSettings = SettingsOf<typeof serviceSettings>;

/** How to reach Kafka. */
export const kafkaSettings = defineSettings(
  {
    brokers: settings.list({
      env: 'KAFKA_BROKERS',
      default: ['127.0.0.1:19092'],
      item: /^[^\s:/]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/,
      expected: 'a comma-separated list of `host:port`',
      description: 'Bootstrap brokers.',
    }),
    clientId: settings.string({
      env: 'KAFKA_CLIENT_ID',
      default: 'orderstream',
      pattern: /^[\w.-]{1,200}$/,
      expected: 'letters, digits, `.`, `_` and `-`',
      description: "Name of this client in the brokers' logs and quotas.",
    }),
    ssl: settings.boolean({ env: 'KAFKA_SSL', default: false, description: 'Whether to speak TLS to the brokers.' }),
    saslMechanism: settings.oneOf({
      env: 'KAFKA_SASL_MECHANISM',
      default: 'none',
      values: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
      description: 'How to log in at the brokers.',
    }),
    saslUsername: settings.optional(
      settings.string({ env: 'KAFKA_SASL_USERNAME', description: 'User name, with a mechanism other than `none`.' }),
    ),
    saslPassword: settings.optional(
      settings.string({
        env: 'KAFKA_SASL_PASSWORD',
        secret: true,
        description: 'Password, with a mechanism other than `none`.',
      }),
    ),
    groupInstanceId: settings.optional(
      settings.string({
        env: 'KAFKA_GROUP_INSTANCE_ID',
        pattern: /^(?!\.{1,2}$)[\w.-]{1,249}$/,
        expected: 'letters, digits, `.`, `_` and `-`',
        description:
          'Name of this instance in its consumer groups: another one for each instance, and the same one when it is started again (the name of a StatefulSet pod). With it, a process that was killed or restarted has its partitions back as soon as it is up, and the others notice nothing; one that goes for good is replaced when its session has ended. Without it, a restart is two rebalances, and after a kill the session of the dead one has to end first.',
      }),
    ),
    connectTimeoutMs: settings.integer({
      env: 'KAFKA_CONNECT_TIMEOUT_MS',
      default: 30_000,
      min: 0,
      max: 600_000,
      description: 'How long a start waits for a broker to answer, in milliseconds, before it fails.',
    }),
    replication: settings.integer({
      env: 'KAFKA_REPLICATION',
      default: 1,
      min: 1,
      max: 32_767,
      description: 'Replicas of the topics that the services create: 1 for one local broker, 3 otherwise.',
    }),
  },
  ({ saslMechanism, saslUsername, saslPassword }) =>
    saslMechanism !== 'none' && (saslUsername === undefined || saslPassword === undefined)
      ? ['KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must both be set with this KAFKA_SASL_MECHANISM']
      : [],
);

const PROJECT = { pattern: /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, expected: 'a Google Cloud project id' };

/** Where the warehouse is. Without endpoints: Google's BigQuery, with application default credentials. */
export const bigquerySettings = defineSettings(
  {
    project: settings.string({
      env: 'BIGQUERY_PROJECT',
      default: 'orderstream-local',
      ...PROJECT,
      description: 'Project of the dataset.',
    }),
    dataset: settings.string({
      env: 'BIGQUERY_DATASET',
      default: 'ecommerce_db',
      pattern: /^\w{1,1024}$/,
      expected: 'letters, digits and `_`',
      description: 'Dataset of the tables.',
    }),
    location: settings.string({
      env: 'BIGQUERY_LOCATION',
      default: 'US',
      description: 'Location of the dataset when it has to be created.',
    }),
    apiEndpoint: settings.optional(
      settings.string({
        env: 'BIGQUERY_API_ENDPOINT',
        pattern: /^https?:\/\/[^\s/]+$/,
        expected: '`http://host:port`',
        description: "REST endpoint of a emulator. Unset: Google's, with application default credentials.",
      }),
    ),
    grpcEndpoint: settings.optional(
      settings.string({
        env: 'BIGQUERY_GRPC_ENDPOINT',
        pattern: /^[^\s:/]+:\d{1,5}$/,
        expected: '`host:port`',
        description: "Storage Write API endpoint of a emulator (without TLS). Unset: Google's.",
      }),
    ),
  },
  ({ apiEndpoint, grpcEndpoint }) =>
    (apiEndpoint === undefined) === (grpcEndpoint === undefined)
      ? []
      : ['BIGQUERY_API_ENDPOINT and BIGQUERY_GRPC_ENDPOINT must be set together, or neither of them'],
);

const RESOURCE_ID = {
  pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
  expected: 'a Pub/Sub resource id (3 to 255 characters, a letter first)',
};

/** Where Pub/Sub is. Without an emulator: Google's, with application default credentials. */
export const pubsubSettings = defineSettings({
  project: settings.string({
    env: 'PUBSUB_PROJECT',
    default: 'orderstream-local',
    ...PROJECT,
    description: 'Project of the topic and the subscription.',
  }),
  emulatorHost: settings.optional(
    settings.string({
      env: 'PUBSUB_EMULATOR_HOST',
      pattern: /^[^\s:/]+:\d{1,5}$/,
      expected: '`host:port`',
      description: "Address of the emulator. Unset: Google's Pub/Sub, with application default credentials.",
    }),
  ),
  topic: settings.string({
    env: 'PUBSUB_TOPIC',
    default: 'orders-topic',
    ...RESOURCE_ID,
    description: 'Topic that validated orders are published to.',
  }),
  subscription: settings.string({
    env: 'PUBSUB_SUBSCRIPTION',
    default: 'orders-to-bigquery',
    ...RESOURCE_ID,
    description: 'BigQuery subscription that fills `streaming_orders`.',
  }),
});
