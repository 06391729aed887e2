import { DEAD_LETTER_APPS, deadLetterTopic, TOPICS } from '@orderstream/contracts';
import { type KafkaRecord, readPartition } from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

import { type DeadLetter, DeadLetterUnreadableError, parseDeadLetter } from './parse-dead-letter';

export interface LatestDeadLettersOptions {
  /** Largest number of dead letters, over all topics. */
  readonly limit: number;
  /** Dead-letter topics; default: all topics of the system. Topics that do not exist are skipped. */
  readonly topics?: readonly string[];
  /** Called for each record that is not a dead letter; it is skipped. */
  readonly onUnreadable?: (error: DeadLetterUnreadableError) => void;
}

/** Every dead-letter topic of the system. */
const DEAD_LETTER_TOPICS: readonly string[] = TOPICS.map(({ name }) => name).filter((name) =>
  DEAD_LETTER_APPS.some((app) => name.endsWith(deadLetterTopic('', app))),
);

/**
 * The latest dead letters by `dlq-failed-at`, latest first. Reads the end of each partition, without a consumer group. The
 * order depends on the clocks of the services.
 */
export async function latestDeadLetters(kafka: Kafka, options: LatestDeadLettersOptions): Promise<DeadLetter[]> {
  const { limit, topics = DEAD_LETTER_TOPICS, onUnreadable } = options;
  if (limit <= 0) return [];
  const found: DeadLetter[] = [];
  for (const tail of await tails(kafka, topics)) {
    found.push(...(await readTail(kafka, tail, limit, onUnreadable)));
    found.sort((a, b) => b.failedAt.getTime() - a.failedAt.getTime() || b.offset - a.offset);
    found.splice(limit);
  }
  return found;
}

interface Tail {
  readonly topic: string;
  readonly partition: number;
  /** First offset of the log. */
  readonly start: number;
  /** Last stable offset. */
  readonly end: number;
}

async function tails(kafka: Kafka, topics: readonly string[]): Promise<Tail[]> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const found: Tail[] = [];
    for (const topic of topics.filter((name) => existing.has(name))) {
      for (const { partition, low, offset } of await admin.fetchTopicOffsets(topic)) {
        if (Number(low) < Number(offset)) found.push({ topic, partition, start: Number(low), end: Number(offset) });
      }
    }
    return found;
  } finally {
    await admin.disconnect();
  }
}

/** Reads further back until there are `limit` records: markers and aborted records occupy offsets as well. */
async function readTail(
  kafka: Kafka,
  { topic, partition, start, end }: Tail,
  limit: number,
  onUnreadable: LatestDeadLettersOptions['onUnreadable'],
): Promise<DeadLetter[]> {
  for (let reach = 2 * limit; ; reach *= 8) {
    const from = Math.max(start, end - reach);
    const records: KafkaRecord[] = [];
    await readPartition(kafka, { topic, partition, from, until: end }, (batch) => {
      records.push(...batch.records);
      records.splice(0, records.length - limit);
    });
    if (records.length === limit || from === start) return parseAll(records, onUnreadable);
  }
}

function parseAll(
  records: readonly KafkaRecord[],
  onUnreadable: LatestDeadLettersOptions['onUnreadable'],
): DeadLetter[] {
  return records.flatMap((record) => {
    try {
      return [parseDeadLetter(record)];
    } catch (error) {
      if (!(error instanceof DeadLetterUnreadableError)) throw error;
      onUnreadable?.(error);
      return [];
    }
  });
}
