import { type TopicSpec } from '@orderstream/contracts';
import { type Kafka } from 'kafkajs';

/** Creates what is missing; a topic that exists with another partition count throws TopicMismatchError. */
export function ensureTopics(
  kafka: Kafka,
  specs: readonly TopicSpec[],
  options: { readonly replication: number },
): Promise<void> {
  throw new Error(`not built yet: ${String(kafka)} ${String(specs)} ${String(options)}`);
}

/** Throws TopicMissingError or TopicMismatchError. */
export function checkTopics(kafka: Kafka, specs: readonly TopicSpec[]): Promise<void> {
  throw new Error(`not built yet: ${String(kafka)} ${String(specs)}`);
}
