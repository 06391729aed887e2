import { fetchLogBounds, readPartition, type TopicPartition } from '@orderstream/kafka';
import type { LogMark } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { askedAgain } from './asked-again';

/** Where a log begins and ends. */
export interface LogRange {
  readonly start: number;
  /** The last stable offset. */
  readonly end: number;
}

/** The log of one input partition, as far as it distinguishes one log from another of the same name. */
export interface InputLog {
  range(): Promise<LogRange>;
  /** Append time of the committed record at this offset; undefined if the log holds none there. */
  appendMsAt(offset: number): Promise<number | undefined>;
}

export class KafkaInputLog implements InputLog {
  constructor(
    private readonly kafka: Kafka,
    private readonly ref: TopicPartition,
  ) {}

  async range(): Promise<LogRange> {
    const { topic, partition } = this.ref;
    const { beginnings, ends } = await fetchLogBounds(this.kafka, topic);
    return { start: beginnings[partition] ?? 0, end: ends[partition] ?? 0 };
  }

  async appendMsAt(offset: number): Promise<number | undefined> {
    let appendMs: number | undefined;
    await readPartition(
      this.kafka,
      { ...this.ref, from: offset, until: offset + 1, isolation: 'committed' },
      ({ records }) => {
        appendMs = records[0]?.timestamp;
      },
    );
    return appendMs;
  }
}

/** What is known of the log that a committed offset or a state belongs to. */
export interface KnownLog {
  /** The next offset to read. */
  readonly nextOffset: number;
  /** Id of the topic that has the name now; undefined where the broker has none (before Kafka 2.8). */
  readonly topicId: string | undefined;
  /** Ids of the topic, of the commit and of the state. */
  readonly topicIds: readonly (string | undefined)[];
  readonly mark: LogMark | undefined;
}

export interface ComparedLog extends LogRange {
  /** What shows that this is another log than the known one; undefined if nothing does. */
  readonly difference: string | undefined;
}

/**
 * Compares the log with the one that an offset and a state are of. Topic ids decide where both are known. Otherwise the
 * last evaluated record does: the same log holds it with the same append time, until retention removes it.
 */
export async function compareLog(
  log: InputLog,
  { nextOffset, topicId, topicIds, mark }: KnownLog,
): Promise<ComparedLog> {
  const range = await askedAgain(
    () => log.range(),
    ({ end }) => end < nextOffset,
  );
  return { ...range, difference: await differenceOf() };

  async function differenceOf(): Promise<string | undefined> {
    const known = topicIds.filter((id) => id !== undefined);
    const other = topicId === undefined ? undefined : known.find((id) => id !== topicId);
    if (other !== undefined) return `the topic has the id ${String(topicId)}, and not ${other}`;
    if (range.end < nextOffset) return `the log ends at ${String(range.end)}, before offset ${String(nextOffset)}`;
    if (topicId !== undefined && known.length > 0) return undefined;
    const { lastOffset, lastAppendMs } = mark ?? {};
    if (lastOffset === undefined || lastAppendMs === undefined || lastOffset < range.start) return undefined;
    const found = await log.appendMsAt(lastOffset);
    if (found === lastAppendMs) return undefined;
    const evaluated = `the record at offset ${String(lastOffset)} that was evaluated last was appended at ${iso(lastAppendMs)}`;
    return `${evaluated}, and the log has ${found === undefined ? 'none' : `one of ${iso(found)}`} there`;
  }
}

const iso = (ms: number): string => new Date(ms).toISOString();
