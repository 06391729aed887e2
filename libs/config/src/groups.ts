import { z } from 'zod';
import { settings } from './setting';
import { defineSettings, type SettingsOf } from './settings-spec';

/** Roles at `/admin`: a viewer may read, an operator may also change things. */
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

/** A bearer token that `/admin` accepts: the actor's name and role, and the SHA-256 (hex) of the token. */
export type AdminToken = z.infer<typeof adminTokens>[number];

/** Traces, by the variables of the OpenTelemetry specification ("Environment Variable Specification"). */
const tracingSettings = defineSettings({
  endpoint: settings.optional(
    settings.string({
      env: 'OTEL_EXPORTER_OTLP_ENDPOINT',
      pattern: /^https?:\/\/[^\s/?#@]+(?:\/[^\s?#]*)?$/,
      expected: '`http://host:port` or `https://host:port`, without credentials',
      description:
        'Base URL to which traces are exported, as OTLP over HTTP (JSON) to `/v1/traces` below it; usually port 4318 of a collector. Unset: no tracing.',
    }),
  ),
  serviceName: settings.optional(
    settings.string({
      env: 'OTEL_SERVICE_NAME',
      description: 'Name of the service in traces. Unset: its own name, such as `validator`.',
    }),
  ),
  sampler: settings.oneOf({
    env: 'OTEL_TRACES_SAMPLER',
    default: 'parentbased_traceidratio',
    values: [
      'parentbased_traceidratio',
      'parentbased_always_on',
      'parentbased_always_off',
      'traceidratio',
      'always_on',
      'always_off',
    ],
    description:
      'Which records are traced. `parentbased_…`: those whose `traceparent` says that they are sampled; the rest of the name decides for traces that begin in the service, which are those of the generator. Otherwise each service decides by itself.',
  }),
  samplerRatio: settings.number({
    env: 'OTEL_TRACES_SAMPLER_ARG',
    default: 0.01,
    min: 0,
    max: 1,
    description: 'Share of the traces that a sampler with `traceidratio` in its name takes, 0 to 1.',
  }),
});

/** Settings of every service: HTTP server, log, shutdown, traces. */
export const serviceSettings = defineSettings({
  httpHost: settings.string({
    env: 'HTTP_HOST',
    default: '127.0.0.1',
    description: 'Address on which the service listens for health, metrics and `/admin` requests.',
  }),
  httpPort: settings.integer({
    env: 'HTTP_PORT',
    default: 3001,
    min: 0,
    max: 65_535,
    description: 'Port of the same server. 0 selects a free port, which is logged.',
  }),
  logLevel: settings.oneOf({
    env: 'LOG_LEVEL',
    default: 'info',
    values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    description: 'Lowest level that is logged. The log is written to standard output as JSON lines.',
  }),
  adminTokens: settings.json({
    env: 'ADMIN_TOKENS',
    default: [],
    schema: adminTokens,
    secret: true,
    expected:
      'a JSON array of `{"name": "…", "role": "viewer"|"operator", "sha256": "<64 lower-case hex digits>"}`, names unique, 64 at most',
    description:
      'Bearer tokens for `/admin`. `sha256` is the SHA-256 of a token: create the token with `openssl rand -hex 32`, and its digest with `printf %s "$TOKEN" | sha256sum`. Without tokens, `/admin` rejects every request.',
  }),
  startTimeoutMs: settings.integer({
    env: 'START_TIMEOUT_MS',
    default: 600_000,
    min: 0,
    max: 86_400_000,
    description:
      'How long a start waits for Kafka, BigQuery and Pub/Sub while they do not answer, in milliseconds. After it, the process exits with code 1. `/health/ready` and the log say what it waits for.',
  }),
  shutdownTimeoutMs: settings.integer({
    env: 'SHUTDOWN_TIMEOUT_MS',
    default: 25_000,
    min: 100,
    max: 600_000,
    description: 'Time limit for draining at a stop, in milliseconds. After it, the process exits with code 1.',
  }),
  tracing: tracingSettings,
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
      description: 'Client id that brokers use in logs and quotas.',
    }),
    ssl: settings.boolean({ env: 'KAFKA_SSL', default: false, description: 'Use TLS for connections to the brokers.' }),
    saslMechanism: settings.oneOf({
      env: 'KAFKA_SASL_MECHANISM',
      default: 'none',
      values: ['none', 'plain', 'scram-sha-256', 'scram-sha-512'],
      description: 'SASL mechanism for authentication with the brokers.',
    }),
    saslUsername: settings.optional(
      settings.string({
        env: 'KAFKA_SASL_USERNAME',
        description: 'SASL user name. Required unless the mechanism is `none`.',
      }),
    ),
    saslPassword: settings.optional(
      settings.string({
        env: 'KAFKA_SASL_PASSWORD',
        secret: true,
        description: 'SASL password. Required unless the mechanism is `none`.',
      }),
    ),
    groupInstanceId: settings.optional(
      settings.string({
        env: 'KAFKA_GROUP_INSTANCE_ID',
        pattern: /^(?!\.{1,2}$)[\w.-]{1,249}$/,
        expected: 'letters, digits, `.`, `_` and `-`',
        description:
          'Static membership (`group.instance.id`): a name that is unique per instance and stays the same across restarts, such as the name of a StatefulSet pod. An instance that restarts within the session timeout gets its partitions back without a rebalance. When an instance is removed for good, its partitions move after the session timeout. Unset: each restart causes two rebalances, and after a kill the session of the killed process must expire first.',
      }),
    ),
    clusterId: settings.optional(
      settings.string({
        env: 'KAFKA_CLUSTER_ID',
        pattern: /^[\w.-]{1,249}$/,
        expected: 'the id of a Kafka cluster, as `kafka-cluster.sh cluster-id` shows it',
        description:
          'Id of the only Kafka cluster to use. It is compared at the start, with each minute of metadata and after a lost connection: from brokers of another cluster nothing is read, and nothing is written to them. Unset: whatever cluster answers at `KAFKA_BROKERS`.',
      }),
    ),
    connectTimeoutMs: settings.integer({
      env: 'KAFKA_CONNECT_TIMEOUT_MS',
      default: 30_000,
      min: 0,
      max: 600_000,
      description:
        'How long a command such as `rebuild-state` waits for an answer of a broker, in milliseconds, before it fails. A service waits for START_TIMEOUT_MS.',
    }),
    replication: settings.integer({
      env: 'KAFKA_REPLICATION',
      default: 1,
      min: 1,
      max: 32_767,
      description:
        'Replication factor of the topics that the services create: 1 for a single local broker, 3 otherwise.',
    }),
  },
  ({ saslMechanism, saslUsername, saslPassword }) =>
    saslMechanism !== 'none' && (saslUsername === undefined || saslPassword === undefined)
      ? ['KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD must both be set with this KAFKA_SASL_MECHANISM']
      : [],
);

const PROJECT = { pattern: /^[a-z][a-z0-9-]{4,28}[a-z0-9]$/, expected: 'a Google Cloud project id' };

/** "Labels" in the documentation of BigQuery: at most 64 of them, in lower case. */
const TABLE_LABELS = z
  .record(z.string().regex(/^\p{Ll}[\p{Ll}\d_-]{0,62}$/u), z.string().regex(/^[\p{Ll}\d_-]{0,63}$/u))
  .refine((labels) => Object.keys(labels).length <= 64);

/** How to reach BigQuery. Without endpoints: Google's global ones, with application default credentials. */
export const bigquerySettings = defineSettings(
  {
    project: settings.string({
      env: 'BIGQUERY_PROJECT',
      default: 'orderstream-local',
      ...PROJECT,
      description: 'Google Cloud project of the dataset.',
    }),
    dataset: settings.string({
      env: 'BIGQUERY_DATASET',
      default: 'ecommerce_db',
      pattern: /^\w{1,1024}$/,
      expected: 'letters, digits and `_`',
      description: 'BigQuery dataset of the tables.',
    }),
    location: settings.string({
      env: 'BIGQUERY_LOCATION',
      default: 'US',
      description: 'Location in which the dataset is created if it is missing.',
    }),
    apiEndpoint: settings.optional(
      settings.string({
        env: 'BIGQUERY_API_ENDPOINT',
        pattern: /^https?:\/\/[^\s/]+$/,
        expected: '`https://host` or `http://host:port`',
        description:
          "REST endpoint: a regional or private one of Google with `https://`, with application default credentials; an emulator's with `http://`, without credentials. Unset: Google's global endpoint.",
      }),
    ),
    grpcEndpoint: settings.optional(
      settings.string({
        env: 'BIGQUERY_GRPC_ENDPOINT',
        pattern: /^(https:\/\/[^\s:/]+(:\d{1,5})?|[^\s:/]+:\d{1,5})$/,
        expected: '`https://host` or `host:port`',
        description:
          "Storage Write API endpoint: a regional or private one of Google with `https://`, with TLS and application default credentials; an emulator's without a scheme, without TLS. Unset: Google's global endpoint.",
      }),
    ),
    partitionExpirationDays: settings.optional(
      settings.integer({
        env: 'BIGQUERY_PARTITION_EXPIRATION_DAYS',
        min: 1,
        max: 36_500,
        description:
          'Days after which a daily partition of a stream table is deleted, for tables that are created. Unset: never.',
      }),
    ),
    requirePartitionFilter: settings.boolean({
      env: 'BIGQUERY_REQUIRE_PARTITION_FILTER',
      default: false,
      description:
        'Whether queries of a stream table must name a range of its partitions, for tables that are created.',
    }),
    tableLabels: settings.json({
      env: 'BIGQUERY_TABLE_LABELS',
      default: {},
      schema: TABLE_LABELS,
      expected: 'a JSON object of labels, such as `{"team":"data"}` (lower-case letters, digits, `-` and `_`)',
      description: 'Labels of the stream tables, for tables that are created. They appear in the bill.',
    }),
  },
  ({ apiEndpoint, grpcEndpoint }) => {
    if ((apiEndpoint === undefined) !== (grpcEndpoint === undefined)) {
      return ['BIGQUERY_API_ENDPOINT and BIGQUERY_GRPC_ENDPOINT must be set together, or neither of them'];
    }
    return apiEndpoint?.startsWith('https:') === grpcEndpoint?.startsWith('https:')
      ? []
      : ['BIGQUERY_API_ENDPOINT and BIGQUERY_GRPC_ENDPOINT must both have `https://`, or both be of an emulator'];
  },
);

const RESOURCE_ID = {
  pattern: /^(?!goog)[A-Za-z][\w.~+%-]{2,254}$/,
  expected: 'a Pub/Sub resource id (3 to 255 characters, a letter first)',
};

/** How to reach Pub/Sub. Without an emulator: Google's, with application default credentials. */
export const pubsubSettings = defineSettings({
  project: settings.string({
    env: 'PUBSUB_PROJECT',
    default: 'orderstream-local',
    ...PROJECT,
    description: 'Google Cloud project of the topic and the subscription.',
  }),
  emulatorHost: settings.optional(
    settings.string({
      env: 'PUBSUB_EMULATOR_HOST',
      pattern: /^[^\s:/]+:\d{1,5}$/,
      expected: '`host:port`',
      description: "Address of an emulator. Unset: Google's Pub/Sub, with application default credentials.",
    }),
  ),
  topic: settings.string({
    env: 'PUBSUB_TOPIC',
    default: 'orders-topic',
    ...RESOURCE_ID,
    description: 'Topic to which validated orders are published.',
  }),
  subscription: settings.string({
    env: 'PUBSUB_SUBSCRIPTION',
    default: 'orders-to-bigquery',
    ...RESOURCE_ID,
    description: 'BigQuery subscription that writes to `streaming_orders`.',
  }),
});
