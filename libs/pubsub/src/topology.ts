import type { CreateSubscriptionOptions, protos, PubSub } from '@google-cloud/pubsub';
import { status } from '@grpc/grpc-js';

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

/** A way in which topic or subscription differ from what this system needs. */
export interface Difference {
  readonly text: string;
  /**
   * `loses`: the subscription does not receive what is published. `rejects`: the topic rejects what is published. `delays`:
   * messages are retained, and delivered late or elsewhere.
   */
  readonly effect: 'loses' | 'rejects' | 'delays';
}

/** What was found. */
export interface TopologyState {
  /** Ids of topics and subscriptions that do not exist. */
  readonly missing: readonly string[];
  /** State of the BigQuery subscription, such as `ACTIVE`; `MISSING` when there is none. */
  readonly subscriptionState: string;
  /** Differs between two subscriptions of the same name, if this system created one of them. */
  readonly subscriptionIdentity: string | undefined;
  readonly differences: readonly Difference[];
}

const RETENTION_SECONDS = 7 * 86_400;
/** Label of a subscription that this system created: the time, in milliseconds since the epoch. */
const CREATED_LABEL = 'orderstream-created';
const CALL = { timeout: 10_000 };
/** Google's emulator has no states. */
const GOOD_STATES: ReadonlySet<unknown> = new Set([undefined, null, 'STATE_UNSPECIFIED', 'ACTIVE', 0, 1]);

type FoundTopic = protos.google.pubsub.v1.ITopic;
type FoundSubscription = protos.google.pubsub.v1.ISubscription;

/** Reads topics and subscriptions. Changes nothing: an account that may only read and publish can do it. */
export async function inspectTopology(pubsub: PubSub, topology: Topology): Promise<TopologyState> {
  const { topic, subscription, deadLetterTopic, deadLetterSubscription } = topology;
  const [foundTopic, foundSubscription, foundDeadLetterTopic, foundDeadLetterSubscription] = await Promise.all([
    orMissing(() => pubsub.topic(topic).getMetadata(CALL)),
    orMissing(() => pubsub.subscription(subscription).getMetadata(CALL)),
    orMissing(() => pubsub.topic(deadLetterTopic).getMetadata(CALL)),
    orMissing(() => pubsub.subscription(deadLetterSubscription).getMetadata(CALL)),
  ]);
  const all = [
    [topic, foundTopic],
    [subscription, foundSubscription],
    [deadLetterTopic, foundDeadLetterTopic],
    [deadLetterSubscription, foundDeadLetterSubscription],
  ] as const;
  return {
    missing: all.flatMap(([id, found]) => (found === undefined ? [id] : [])),
    subscriptionState:
      foundSubscription === undefined ? 'MISSING' : String(foundSubscription.state ?? 'STATE_UNSPECIFIED'),
    subscriptionIdentity:
      foundSubscription === undefined ? undefined : (foundSubscription.labels?.[CREATED_LABEL] ?? ''),
    differences: [
      ...(foundTopic === undefined ? [] : topicDifferences(topic, foundTopic)),
      ...(foundSubscription === undefined ? [] : subscriptionDifferences(pubsub, topology, foundSubscription)),
    ],
  };
}

/**
 * Creates the topics and subscriptions that are missing, and returns what is there then. Reads first, so that an account
 * that may not create works where everything exists. Call it before the first message is published: a topic without a
 * subscription drops its messages. Several instances may call it at once.
 */
export async function ensureTopology(pubsub: PubSub, topology: Topology): Promise<TopologyState> {
  const { topic, subscription, deadLetterTopic, deadLetterSubscription } = topology;
  const found = await inspectTopology(pubsub, topology);
  if (found.missing.length === 0) return found;
  const create = async (ids: readonly string[], call: (id: string) => Promise<unknown>): Promise<void> => {
    await Promise.all(ids.filter((id) => found.missing.includes(id)).map((id) => orExisting(() => call(id))));
  };
  await create([topic, deadLetterTopic], (id) => pubsub.createTopic(id, CALL));
  await create([subscription], (id) =>
    pubsub.topic(topic).createSubscription(id, subscriptionOptions(pubsub, topology)),
  );
  await create([deadLetterSubscription], (id) =>
    pubsub.topic(deadLetterTopic).createSubscription(id, {
      messageRetentionDuration: { seconds: RETENTION_SECONDS },
      expirationPolicy: {},
      gaxOpts: CALL,
    }),
  );
  return inspectTopology(pubsub, topology);
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
    labels: { [CREATED_LABEL]: String(Date.now()) },
    gaxOpts: CALL,
  };
}

const seconds = (value: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(value),
  nanos: Math.round((value % 1) * 1e9),
});

const fullTopicName = (pubsub: PubSub, topic: string): string => `projects/${pubsub.projectId}/topics/${topic}`;

async function orMissing<T>(read: () => Promise<readonly [T, ...unknown[]]>): Promise<T | undefined> {
  try {
    return (await read())[0];
  } catch (error) {
    if (grpcStatus(error) === status.NOT_FOUND) return undefined;
    throw error;
  }
}

async function orExisting(create: () => Promise<unknown>): Promise<void> {
  try {
    await create();
  } catch (error) {
    if (grpcStatus(error) !== status.ALREADY_EXISTS) throw error;
  }
}

function topicDifferences(topic: string, { schemaSettings }: FoundTopic): Difference[] {
  const schema = schemaSettings?.schema ?? '';
  if (schema === '') return [];
  const text = `topic ${topic} has the schema ${schema}, which rejects the bodies of events: remove it from the topic`;
  return [{ text, effect: 'rejects' }];
}

function subscriptionDifferences(pubsub: PubSub, topology: Topology, found: FoundSubscription): Difference[] {
  const differences: Difference[] = [];
  const expect = (effect: Difference['effect'], what: string, actual: unknown, expected: unknown): void => {
    if (actual === expected) return;
    const text = `subscription ${topology.subscription}: ${what} is ${String(actual)}, not ${String(expected)}`;
    differences.push({ text, effect });
  };
  expect('loses', 'its topic', found.topic, fullTopicName(pubsub, topology.topic));
  expect('loses', 'detached', found.detached ?? false, false);
  expect('loses', 'its filter', found.filter ?? '', '');
  if (!GOOD_STATES.has(found.state)) expect('delays', 'its state', found.state, 'ACTIVE');
  if (topology.ordered) expect('delays', 'message ordering', found.enableMessageOrdering, true);
  const deadLetterTopic = fullTopicName(pubsub, topology.deadLetterTopic);
  expect('delays', 'its dead-letter topic', found.deadLetterPolicy?.deadLetterTopic, deadLetterTopic);
  const bigquery = found.bigqueryConfig;
  expect('delays', 'its table', bigquery?.table, topology.table);
  expect('delays', 'use_table_schema', bigquery?.useTableSchema, true);
  expect('delays', 'write_metadata', bigquery?.writeMetadata, true);
  expect('delays', 'drop_unknown_fields', bigquery?.dropUnknownFields ?? false, false);
  if (bigquery !== undefined && bigquery !== null && !GOOD_STATES.has(bigquery.state)) {
    expect('delays', 'the state of its BigQuery configuration', bigquery.state, 'ACTIVE');
  }
  return differences;
}

/** Columns that a BigQuery subscription with `write_metadata` fills ("BigQuery subscriptions", write metadata). */
export const SUBSCRIPTION_METADATA = ['subscription_name', 'message_id', 'publish_time', 'attributes'] as const;
