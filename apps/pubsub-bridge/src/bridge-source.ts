import {
  deadLetterTopic,
  parkedTopic,
  retryTopic,
  TOPICS,
  type TopicSpec,
  validatedTopic,
} from '@orderstream/contracts';

/** Injection token of the `BridgeSource`. */
export const BRIDGE_SOURCE = Symbol('BRIDGE_SOURCE');

/** The topics that the bridge reads, and those of its dead letters. */
export interface BridgeSource {
  readonly groupId: string;
  readonly validated: TopicSpec;
  /** Replayed records. It has the partition count of `validated`: a record returns to the partition of its number. */
  readonly retry: TopicSpec;
  /** Has the partition count of `validated`: a dead letter goes to the partition of its record. */
  readonly deadLetters: TopicSpec;
  readonly parked: TopicSpec;
}

export const VALIDATED_ORDERS = validatedTopic('orders');
export const RETRIED_ORDERS = retryTopic(VALIDATED_ORDERS, 'pubsub-bridge');

export function validatedOrders(): BridgeSource {
  const deadLetters = deadLetterTopic(VALIDATED_ORDERS, 'pubsub-bridge');
  return {
    groupId: 'pubsub-bridge',
    validated: specOf(VALIDATED_ORDERS),
    retry: specOf(RETRIED_ORDERS),
    deadLetters: specOf(deadLetters),
    parked: specOf(parkedTopic(deadLetters)),
  };
}

const RETRY_SUFFIX = retryTopic('', 'pubsub-bridge');
/** Whether the records of the topic are replayed: they have the coordinates of their source records in headers. */
export const isRetryTopic = (topic: string): boolean => topic.endsWith(RETRY_SUFFIX);

/** What `set-position` calls the topic. */
export const placeOf = (topic: string): string | { readonly topic: string } =>
  isRetryTopic(topic) ? { topic } : 'orders';

function specOf(topic: string): TopicSpec {
  const spec = TOPICS.find(({ name }) => name === topic);
  if (spec === undefined) throw new TypeError(`no contract defines the topic ${topic}`);
  return spec;
}
