import {
  appOfLetters,
  DEAD_LETTER_GROUP,
  type DeadLetterApp,
  deadLetterTopic,
  FAMILIES,
  type Family,
  LETTER_TOPICS,
  retryTopic,
  tableForFamily,
  TABLES,
  type TableSpec,
  TOPICS,
  type TopicSpec,
  validatedTopic,
} from '@orderstream/contracts';
import { ensureTopics, type KafkaLogger } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

export const GROUP_ID = 'bq-sink';

/** A commit may carry dead letters, each up to the size limit of its topic. */
export const MAX_REQUEST_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

/** The label `family` of metrics of the table of dead letters, which are of all families. */
export const DEAD_LETTERS = 'dead_letters';

/** What the sink does with the records of a topic. */
export type SinkSource = { readonly groupId: string; readonly table: TableSpec } & (
  | {
      /** `retry`: replayed records, whose rows have the coordinates of their source records. */
      readonly kind: 'validated' | 'retry';
      readonly family: Family;
      readonly label: Family;
    }
  | {
      readonly kind: 'dead-letters';
      /** Wrote the dead letters. */
      readonly app: DeadLetterApp;
      readonly label: typeof DEAD_LETTERS;
    }
);

const SOURCES: ReadonlyMap<string, SinkSource> = new Map([
  ...FAMILIES.flatMap((family): [string, SinkSource][] => {
    const common = { groupId: GROUP_ID, family, label: family, table: tableForFamily(family) } as const;
    return [
      [validatedTopic(family), { ...common, kind: 'validated' }],
      [retryTopic(validatedTopic(family), 'bq-sink'), { ...common, kind: 'retry' }],
    ];
  }),
  ...LETTER_TOPICS.flatMap((name): [string, SinkSource][] => {
    const app = appOfLetters(name);
    const table = TABLES[DEAD_LETTERS];
    if (app === undefined || table === undefined) return [];
    return [[name, { kind: 'dead-letters', app, groupId: DEAD_LETTER_GROUP, label: DEAD_LETTERS, table }]];
  }),
]);

/** The topics of events, whose rows go to the tables of their families. */
export const EVENT_TOPICS = [...SOURCES].filter(([, { kind }]) => kind !== 'dead-letters').map(([topic]) => topic);

const OWN_LETTERS = FAMILIES.map((family) => deadLetterTopic(validatedTopic(family), 'bq-sink'));
const specsOf = (names: readonly string[]): readonly TopicSpec[] => TOPICS.filter(({ name }) => names.includes(name));
/** The topics of the sink's own dead letters. */
export const DEAD_LETTER_TOPICS: readonly TopicSpec[] = specsOf(OWN_LETTERS);

/** @throws TypeError if the sink does not consume the topic */
export function sourceOf(topic: string): SinkSource {
  const source = SOURCES.get(topic);
  if (source === undefined) throw new TypeError(`bq-sink does not consume ${topic}`);
  return source;
}

/** What `set-position` calls a topic, also one that the sink does not consume: for a message. */
export const placeOf = (topic: string): string | { readonly topic: string } => {
  const source = SOURCES.get(topic);
  if (source === undefined) return '<family>';
  return source.kind === 'validated' ? source.family : { topic };
};

/**
 * Creates the topics that the sink reads and writes where they are missing. One with a wrong partition count stops
 * alone: the server does not read it.
 */
export async function ensureSinkTopics(kafka: Kafka, replication: number, logger: KafkaLogger): Promise<void> {
  await ensureTopics(kafka, specsOf([...EVENT_TOPICS, ...LETTER_TOPICS]), {
    replication,
    onMismatch: (error) => {
      logger.error({ err: error, topic: error.topic }, error.message);
    },
  });
}
