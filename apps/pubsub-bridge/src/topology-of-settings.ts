import { type Topology } from '@orderstream/pubsub';

import type { PubSubBridgeSettings } from './pubsub-bridge.config';

/** The Pub/Sub topics and subscriptions that the settings describe. */
export function topologyOf({ pubsub, bigquery, publish }: PubSubBridgeSettings): Topology {
  return {
    topic: pubsub.topic,
    subscription: pubsub.subscription,
    deadLetterTopic: publish.deadLetterTopic,
    deadLetterSubscription: `${publish.deadLetterTopic}-console`,
    table: `${bigquery.project}.${bigquery.dataset}.streaming_orders`,
    ordered: publish.ordering === 'key',
    maxDeliveryAttempts: publish.maxDeliveryAttempts,
    retryBackoffSeconds: { min: publish.minRetryBackoffSeconds, max: 600 },
  };
}
