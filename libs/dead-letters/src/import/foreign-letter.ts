import { createHash } from 'node:crypto';
import { DLQ_HEADERS } from '@orderstream/contracts';
import { headerFields, headersOf, type KafkaRecord } from '@orderstream/kafka';
import { headerInteger, headerTime, replayOf, withoutDeadLetterHeaders } from '../headers';
import { type DeadLetter } from '../parse-dead-letter';

/** Programs whose dead letters are read as well. */
export const FOREIGN_APPS = ['connect', 'spring'] as const;
export type ForeignApp = (typeof FOREIGN_APPS)[number];

/** A dead letter, of a service of this system or of another program. */
export type AnyLetter = Omit<DeadLetter, 'app'> & { readonly app: DeadLetter['app'] | ForeignApp };

/** Kafka Connect, `DeadLetterQueueReporter`: every value is text. */
const CONNECT = '__connect.errors.';
/** Spring for Apache Kafka, `KafkaHeaders.DLT_*`: numbers are big-endian, four or eight bytes. */
const SPRING = 'kafka_dlt-';
/** Other headers that Spring adds to what it reads or retries: with them, a returned record would begin at its last attempt. */
const OF_SPRING = [SPRING, 'kafka_deliveryAttempt', 'retry_topic-', 'springDeserializerException'];
const MAX_REASON = 200;
const MAX_TOPIC = 249;

/** Whether the headers of a letter name the topic of its record. */
export const hasSource = ({ source }: Pick<AnyLetter, 'source'>): boolean => source.topic !== '';

/**
 * The dead letter that Kafka Connect or Spring wrote; undefined for any other record. Where its headers do not say which
 * record failed, the source topic is empty, and partition and offset are -1.
 *
 * A record that a replay has returned, and that failed again, has the mark of the replay and its attempts: both programs
 * keep the headers of a record.
 *
 * The reason is the class of the exception, and the path the stage at which it was thrown. The message of the exception is
 * in the headers only: it can quote the record.
 */
export function parseForeignLetter(record: KafkaRecord): AnyLetter | undefined {
  const values = new Map<string, Buffer>();
  // Spring appends headers at each failure: the last one counts.
  for (const [name, value] of headerFields(record.headers)) if (value !== null) values.set(name, Buffer.from(value));
  const found = connectOf(values) ?? springOf(values);
  if (found === undefined) return undefined;
  const { app, reason, path, source } = found;
  const failedAt = new Date(record.timestamp);
  const own = headerFields(record.headers).filter(
    ([name]) => ![CONNECT, ...OF_SPRING].some((prefix) => name.startsWith(prefix)),
  );
  const replay = replayOf(record.headers);
  const earlier = replay === undefined ? 0 : (headerInteger(record.headers, DLQ_HEADERS.attempt, 1) ?? 1);
  const firstFailedAt = replay === undefined ? undefined : headerTime(record.headers, DLQ_HEADERS.firstFailedAt);
  return {
    app,
    reason,
    reasons: [{ code: reason, ...(path === undefined ? {} : { path }) }],
    source: { ...source, timestamp: source.timestamp ?? failedAt },
    ...{ failedAt, firstFailedAt: firstFailedAt ?? failedAt, attempt: earlier + 1 },
    fingerprint: createHash('sha256')
      .update(`${app}\n${reason}\n${path ?? ''}`)
      .digest('hex')
      .slice(0, 16),
    ...{ cut: undefined, batch: undefined, replay, needsEdit: false },
    ...{ topic: record.topic, partition: record.partition, offset: record.offset },
    ...{ key: record.key, value: record.value },
    headers: withoutDeadLetterHeaders(headersOf(own)),
  };
}

interface Found {
  readonly app: ForeignApp;
  readonly reason: string;
  readonly path: string | undefined;
  readonly source: {
    readonly topic: string;
    readonly partition: number;
    readonly offset: number;
    readonly timestamp?: Date;
  };
}

function connectOf(values: ReadonlyMap<string, Buffer>): Found | undefined {
  const text = (name: string): string | undefined => values.get(CONNECT + name)?.toString('utf8');
  const integer = (name: string): number | undefined => {
    const digits = text(name);
    return digits !== undefined && /^\d{1,15}$/.test(digits) ? Number(digits) : undefined;
  };
  if (![...values.keys()].some((name) => name.startsWith(CONNECT))) return undefined;
  const source = sourceOf(text('topic'), integer('partition'), integer('offset'));
  const reason = (text('exception.class.name') ?? 'unknown').slice(0, MAX_REASON);
  return { app: 'connect', reason, path: text('stage'), source };
}

function springOf(values: ReadonlyMap<string, Buffer>): Found | undefined {
  const text = (name: string): string | undefined => values.get(SPRING + name)?.toString('utf8');
  const integer = (name: string): number | undefined => {
    const bytes = values.get(SPRING + name);
    if (bytes?.length === 4) return bytes.readInt32BE();
    return bytes?.length === 8 ? Number(bytes.readBigInt64BE()) : undefined;
  };
  if (![...values.keys()].some((name) => name.startsWith(SPRING))) return undefined;
  const source = sourceOf(text('original-topic'), integer('original-partition'), integer('original-offset'));
  const isKey = values.has(`${SPRING}key-exception-fqcn`);
  // The exception itself is always the same one of the listener; its cause says what happened.
  const exception = isKey ? text('key-exception-fqcn') : (text('exception-cause-fqcn') ?? text('exception-fqcn'));
  const timestamp = integer('original-timestamp');
  return {
    app: 'spring',
    reason: (exception ?? 'unknown').slice(0, MAX_REASON),
    path: isKey ? 'key' : undefined,
    source: {
      ...source,
      ...(timestamp === undefined || timestamp < 0 ? {} : { timestamp: new Date(timestamp) }),
    },
  };
}

function sourceOf(
  topic: string | undefined,
  partition: number | undefined,
  offset: number | undefined,
): Pick<Found['source'], 'topic' | 'partition' | 'offset'> {
  const isPlace = (value: number | undefined): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  return {
    topic: topic !== undefined && topic.length <= MAX_TOPIC && /^[\w.-]+$/.test(topic) ? topic : '',
    partition: isPlace(partition) ? partition : -1,
    offset: isPlace(offset) ? offset : -1,
  };
}
