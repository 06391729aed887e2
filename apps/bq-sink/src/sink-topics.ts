import { deadLetterTopic, FAMILIES, type Family, TOPICS, type TopicSpec, validatedTopic } from '@orderstream/contracts';
import { ensureTopics, type KafkaLogger } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

export const GROUP_ID = 'bq-sink';

/** A commit may carry dead letters, each up to the size limit of its topic. */
export const MAX_REQUEST_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

const FAMILY_OF_TOPIC: ReadonlyMap<string, Family> = new Map(
  FAMILIES.map((family) => [validatedTopic(family), family]),
);

const DEAD_LETTER_NAMES = new Set(FAMILIES.map((family) => deadLetterTopic(validatedTopic(family), 'bq-sink')));
export const DEAD_LETTER_TOPICS: readonly TopicSpec[] = TOPICS.filter(({ name }) => DEAD_LETTER_NAMES.has(name));

/** @throws TypeError if the sink does not consume the topic */
export function familyOfTopic(topic: string): Family {
  const family = FAMILY_OF_TOPIC.get(topic);
  if (family === undefined) throw new TypeError(`bq-sink does not consume ${topic}`);
  return family;
}

/** For a message: the family of a topic, also of one that the sink does not consume. */
export const familyNameOf = (topic: string): string => FAMILY_OF_TOPIC.get(topic) ?? '<family>';

/**
 * Creates the validated topics and their dead-letter topics where they are missing. One with a wrong partition count stops
 * alone: the server does not read it.
 */
export async function ensureSinkTopics(kafka: Kafka, replication: number, logger: KafkaLogger): Promise<void> {
  await ensureTopics(kafka, [...TOPICS.filter(({ name }) => FAMILY_OF_TOPIC.has(name)), ...DEAD_LETTER_TOPICS], {
    replication,
    onMismatch: (error) => {
      logger.error({ err: error, topic: error.topic }, error.message);
    },
  });
}
