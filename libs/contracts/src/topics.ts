import { FAMILIES, type Family } from './families';

/** Partitions of every topic of records. The number never changes for a `.vN` topic. */
export const PARTITIONS = 6;

/** Largest accepted record: key, value and headers together. */
export const MAX_RECORD_BYTES = 1_048_576;
/** Largest headers of an accepted record, together: the most that every path after the validator can carry. */
export const MAX_HEADERS_BYTES = 65_536;
/** What each header counts toward `MAX_HEADERS_BYTES` beside the bytes of its name and its value. */
export const HEADER_OVERHEAD_BYTES = 16;
const RAW_TOPIC_BYTES = 4 * 1_048_576;
const DEAD_LETTER_HEADROOM_BYTES = 65_536;
const DAY_MS = 86_400_000;

const RAW_DAYS = 14;
/**
 * A validated record has the append time of its raw record. What is validated at the end of the raw retention is
 * therefore 14 days old when it is written, and stays readable for 14 days more.
 */
const VALIDATED_DAYS = 2 * RAW_DAYS;
const DEAD_LETTER_DAYS = 30;
const PARKED_DAYS = 90;
/** A replayed record is at most as old as its dead letter. */
const RETRY_DAYS = DEAD_LETTER_DAYS;
const RECORD_DAYS = 400;

export interface TopicSpec {
  readonly name: string;
  readonly partitions: number;
  readonly cleanup: 'delete' | 'compact';
  /** Undefined for a compacted topic. */
  readonly retentionMs?: number;
  readonly maxMessageBytes: number;
  readonly timestamps: 'CreateTime' | 'LogAppendTime';
}

/** What the name of every topic of the system begins with. */
export const TOPIC_PREFIX = 'marketplace.';
export const rawTopic = (family: Family): string => `marketplace.${family}.raw.v1`;
export const validatedTopic = (family: Family): string => `marketplace.${family}.validated.v1`;
/** The versions of every vendor and product. Written by the validator of the catalog only. */
export const CATALOG_VERSIONS_TOPIC = 'marketplace.catalog.versions.v1';
export const stateTopic = (family: Family): string => `marketplace.${family}.validator.state.v1`;
/** What operators have changed at run time, one record per subject: it overrides the environment of every service. */
export const SETTINGS_TOPIC = 'marketplace.settings.v1';
/** Replay plans, their progress and their receipts. */
export const REPLAYS_TOPIC = 'marketplace.replays.v1';
/** Every change that an operator made. */
export const AUDIT_TOPIC = 'marketplace.audit.v1';
export const deadLetterTopic = (sourceTopic: string, app: DeadLetterApp): string => `${sourceTopic}.dlq.${app}`;
/** A dead letter with a higher `dlq-attempt` is parked. */
export const MAX_ATTEMPTS = 5;
/** Dead letters that were rejected too often to be replayed again. */
export const parkedTopic = (deadLetters: string): string => `${deadLetters}.parked`;
export const isParkedTopic = (topic: string): boolean => topic.endsWith(parkedTopic(''));
/** Replayed records of a service that reads validated records: read by that service alone. */
export const retryTopic = (sourceTopic: string, app: RetryApp): string => `${sourceTopic}.retry.${app}`;

/** The services whose dead letters were accepted by the validator. */
export type RetryApp = Exclude<DeadLetterApp, 'validator'>;

/** The services that write dead letters. */
export const DEAD_LETTER_APPS = ['validator', 'bq-sink', 'pubsub-bridge'] as const;
export type DeadLetterApp = (typeof DEAD_LETTER_APPS)[number];

/** The group that copies the dead letters into their table. What it has not read ends with the retention of its topic. */
export const DEAD_LETTER_GROUP = 'bq-sink-dead-letters';

function specs(): TopicSpec[] {
  const deleted = (
    name: string,
    days: number,
    maxMessageBytes: number,
    timestamps: TopicSpec['timestamps'],
  ): TopicSpec => ({
    name,
    partitions: PARTITIONS,
    cleanup: 'delete',
    retentionMs: days * DAY_MS,
    maxMessageBytes,
    timestamps,
  });
  const deadLetters = (source: string, app: DeadLetterApp): TopicSpec[] => {
    const name = deadLetterTopic(source, app);
    const maxMessageBytes = RAW_TOPIC_BYTES + DEAD_LETTER_HEADROOM_BYTES;
    return [
      deleted(name, DEAD_LETTER_DAYS, maxMessageBytes, 'CreateTime'),
      deleted(parkedTopic(name), PARKED_DAYS, maxMessageBytes, 'CreateTime'),
    ];
  };
  const retried = (source: string, app: RetryApp): TopicSpec[] => [
    ...deadLetters(source, app),
    deleted(retryTopic(source, app), RETRY_DAYS, RAW_TOPIC_BYTES + DEAD_LETTER_HEADROOM_BYTES, 'CreateTime'),
  ];
  return [
    ...FAMILIES.flatMap((family): TopicSpec[] => [
      deleted(rawTopic(family), RAW_DAYS, RAW_TOPIC_BYTES, 'LogAppendTime'),
      deleted(validatedTopic(family), VALIDATED_DAYS, RAW_TOPIC_BYTES, 'CreateTime'),
      {
        name: stateTopic(family),
        partitions: PARTITIONS,
        cleanup: 'compact',
        maxMessageBytes: RAW_TOPIC_BYTES,
        timestamps: 'CreateTime',
      },
      ...deadLetters(rawTopic(family), 'validator'),
      ...retried(validatedTopic(family), 'bq-sink'),
    ]),
    ...retried(validatedTopic('orders'), 'pubsub-bridge'),
    {
      name: CATALOG_VERSIONS_TOPIC,
      partitions: PARTITIONS,
      cleanup: 'compact',
      maxMessageBytes: RAW_TOPIC_BYTES,
      timestamps: 'CreateTime',
    },
    {
      name: SETTINGS_TOPIC,
      partitions: 1,
      cleanup: 'compact',
      maxMessageBytes: MAX_RECORD_BYTES,
      timestamps: 'CreateTime',
    },
    deleted(REPLAYS_TOPIC, RECORD_DAYS, MAX_RECORD_BYTES, 'CreateTime'),
    { ...deleted(AUDIT_TOPIC, RECORD_DAYS, MAX_RECORD_BYTES, 'CreateTime'), partitions: 1 },
  ];
}

/** Every topic of the system. Each service creates the missing ones and compares the others when it starts. */
export const TOPICS: readonly TopicSpec[] = specs();

/** The topics of dead letters of all services, parked ones included. */
export const LETTER_TOPICS: readonly string[] = TOPICS.map(({ name }) => name).filter(
  (name) => appOfLetters(name) !== undefined,
);

/** The service whose dead letters a topic holds; undefined for another topic. */
export function appOfLetters(topic: string): DeadLetterApp | undefined {
  return DEAD_LETTER_APPS.find((app) => {
    const suffix = deadLetterTopic('', app);
    return topic.endsWith(suffix) || topic.endsWith(parkedTopic(suffix));
  });
}
