import { deadLetterTopic, TOPICS, type TopicSpec, validatedTopic } from '@orderstream/contracts';

/** Injection token of the `BridgeSource`. */
export const BRIDGE_SOURCE = Symbol('BRIDGE_SOURCE');

/** The topic that the bridge reads, and the topic of its dead letters. */
export interface BridgeSource {
  readonly groupId: string;
  readonly validated: TopicSpec;
  /** Has the partition count of `validated`: a dead letter goes to the partition of its record. */
  readonly deadLetters: TopicSpec;
}

export const VALIDATED_ORDERS = validatedTopic('orders');

export function validatedOrders(): BridgeSource {
  return {
    groupId: 'pubsub-bridge',
    validated: specOf(VALIDATED_ORDERS),
    deadLetters: specOf(deadLetterTopic(VALIDATED_ORDERS, 'pubsub-bridge')),
  };
}

function specOf(topic: string): TopicSpec {
  const spec = TOPICS.find(({ name }) => name === topic);
  if (spec === undefined) throw new TypeError(`no contract defines the topic ${topic}`);
  return spec;
}
