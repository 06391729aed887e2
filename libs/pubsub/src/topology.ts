import type { PubSub, CreateSubscriptionOptions } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';

import { grpcStatus } from './publish-errors';

/** The topic, its BigQuery subscription, and the dead-letter topic of the subscription. Ids, not full names. */
export interface Topology {
  readonly topic: string;
  readonly subscription: string;
  readonly deadLetterTopic: string;
  /** Pull subscription that retains the messages of the dead-letter topic. */
  readonly deadLetterSubscription: string;
  /** `project.dataset.table`; the table must exist. */
  readonly table: string;
  readonly ordered: boolean;
  readonly maxDeliveryAttempts: number;
  /** Seconds between two deliveries of a message that was not acknowledged. */
  readonly retryBackoffSeconds: { readonly min: number; readonly max: number };
}

/** The BigQuery subscription exists with other properties than this system needs. */
export class SubscriptionMismatchError extends OrderstreamError {
  readonly code: ErrorCode = 'SUBSCRIPTION_MISMATCH';

  constructor(subscription: string, differences: readonly string[]) {
    super(
      `subscription ${subscription} does not fit: ${differences.join('; ')}; ` +
        'update it, or delete it once its backlog is empty, then start again',
    );
  }
}

const RETENTION_SECONDS = 7 * 86_400;

/**
 * Creates missing topics and subscriptions, and checks an existing BigQuery subscription. Run it before the first message
 * is published: a topic without a subscription drops its messages.
 *
 * @throws SubscriptionMismatchError when the BigQuery subscription has another source, filter, target or write option
 */
export async function ensureTopology(pubsub: PubSub, topology: Topology): Promise<void> {
  const { topic, deadLetterTopic } = topology;
  await Promise.all([createTopic(pubsub, topic), createTopic(pubsub, deadLetterTopic)]);
  const options = subscriptionOptions(pubsub, topology);
  await Promise.all([
    createSubscription(pubsub, topic, topology.subscription, options),
    createSubscription(pubsub, deadLetterTopic, topology.deadLetterSubscription, {
      messageRetentionDuration: { seconds: RETENTION_SECONDS },
      expirationPolicy: {},
    }),
  ]);
  await checkSubscription(pubsub, topology);
}

function subscriptionOptions(pubsub: PubSub, topology: Topology): CreateSubscriptionOptions {
  const { retryBackoffSeconds: backoff } = topology;
  return {
    bigqueryConfig: {
      table: topology.table,
      useTableSchema: true,
      writeMetadata: true,
      // A message with an unknown field is rejected. With this option, the field would be dropped without notice.
      dropUnknownFields: false,
    },
    deadLetterPolicy: {
      deadLetterTopic: fullTopicName(pubsub, topology.deadLetterTopic),
      maxDeliveryAttempts: topology.maxDeliveryAttempts,
    },
    retryPolicy: { minimumBackoff: seconds(backoff.min), maximumBackoff: seconds(backoff.max) },
    enableMessageOrdering: topology.ordered,
    ackDeadlineSeconds: 60,
    messageRetentionDuration: { seconds: RETENTION_SECONDS },
    // Never expires. By default, Pub/Sub deletes a subscription after 31 days without activity.
    expirationPolicy: {},
  };
}

const seconds = (value: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(value),
  nanos: Math.round((value % 1) * 1e9),
});

const fullTopicName = (pubsub: PubSub, topic: string): string => `projects/${pubsub.projectId}/topics/${topic}`;

async function createTopic(pubsub: PubSub, topic: string): Promise<void> {
  await ignoreExisting(() => pubsub.createTopic(topic));
}

async function createSubscription(
  pubsub: PubSub,
  topic: string,
  subscription: string,
  options: CreateSubscriptionOptions,
): Promise<void> {
  await ignoreExisting(() => pubsub.topic(topic).createSubscription(subscription, options));
}

async function ignoreExisting(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (grpcStatus(error) !== status.ALREADY_EXISTS) throw error;
  }
}

async function checkSubscription(pubsub: PubSub, topology: Topology): Promise<void> {
  const [found] = await pubsub.subscription(topology.subscription).getMetadata();
  const differences: string[] = [];
  const expect = (what: string, actual: unknown, expected: unknown): void => {
    if (actual !== expected) differences.push(`${what} is ${String(actual)}, not ${String(expected)}`);
  };
  expect('its topic', found.topic, fullTopicName(pubsub, topology.topic));
  expect('detached', found.detached ?? false, false);
  expect('its filter', found.filter ?? '', '');
  if (topology.ordered) expect('message ordering', found.enableMessageOrdering, true);
  expect(
    'its dead-letter topic',
    found.deadLetterPolicy?.deadLetterTopic,
    fullTopicName(pubsub, topology.deadLetterTopic),
  );
  const bigquery = found.bigqueryConfig;
  expect('its table', bigquery?.table, topology.table);
  expect('use_table_schema', bigquery?.useTableSchema, true);
  expect('write_metadata', bigquery?.writeMetadata, true);
  expect('drop_unknown_fields', bigquery?.dropUnknownFields ?? false, false);
  if (differences.length > 0) throw new SubscriptionMismatchError(topology.subscription, differences);
}

/** Columns that a BigQuery subscription with `write_metadata` fills ("BigQuery subscriptions", write metadata). */
export const SUBSCRIPTION_METADATA = ['subscription_name', 'message_id', 'publish_time', 'attributes'] as const;
