import type { KafkaRecord, RecordHeaders } from '@orderstream/kafka';

/** Headers that turn a copy of a record into a dead letter. Times are RFC 3339 UTC. */
export const DLQ_HEADERS = {
  /** The first code that fired, in the order of the rules. */
  reason: 'dlq-reason',
  /** JSON `[{code, path, constraint}]`, at most `MAX_DETAIL_BYTES`. */
  detail: 'dlq-detail',
  app: 'dlq-app',
  sourceTopic: 'dlq-source-topic',
  sourcePartition: 'dlq-source-partition',
  sourceOffset: 'dlq-source-offset',
  sourceTimestamp: 'dlq-source-timestamp',
  failedAt: 'dlq-failed-at',
  firstFailedAt: 'dlq-first-failed-at',
  /** How often this record has failed, from 1. */
  attempt: 'dlq-attempt',
  /** 16 hex digits that alike failures share. */
  fingerprint: 'dlq-fingerprint',
  /** JSON `{part: bytes}`: parts that the topic cannot store whole, and how long they were. Absent: nothing is missing. */
  cut: 'dlq-cut',
} as const;

const DLQ_NAMES: ReadonlySet<string> = new Set(Object.values(DLQ_HEADERS));

/**
 * The headers without those of a dead letter. The result has no prototype, so that a header named `__proto__` or
 * `constructor` is a header like any other.
 */
export function withoutDeadLetterHeaders(headers: RecordHeaders): RecordHeaders {
  const kept = Object.create(null) as RecordHeaders;
  for (const name of Object.keys(headers)) {
    if (!DLQ_NAMES.has(name)) kept[name] = headers[name];
  }
  return kept;
}

/** The headers of a dead letter without those that the record came with. */
export function onlyDeadLetterHeaders(headers: RecordHeaders): RecordHeaders {
  const kept = Object.create(null) as RecordHeaders;
  for (const name of Object.keys(headers)) {
    if (DLQ_NAMES.has(name)) kept[name] = headers[name];
  }
  return kept;
}

/** Bytes of the names and values that the record came with. */
export function foreignHeaderBytes(headers: RecordHeaders): number {
  let bytes = 0;
  for (const [name, value] of Object.entries(withoutDeadLetterHeaders(headers))) {
    for (const one of Array.isArray(value) ? value : [value]) {
      bytes += Buffer.byteLength(name) + (one === undefined ? 0 : Buffer.byteLength(one));
    }
  }
  return bytes;
}

/** The text of a header; undefined when it is absent or repeated. */
export function headerText(headers: RecordHeaders, name: string): string | undefined {
  const value = Object.hasOwn(headers, name) ? headers[name] : undefined;
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}

/** A header that holds a whole number within [min, 2^53); undefined for anything else. */
export function headerInteger(headers: RecordHeaders, name: string, min: number): number | undefined {
  const text = headerText(headers, name);
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const value = Number(text);
  return Number.isSafeInteger(value) && value >= min ? value : undefined;
}

const RFC_3339_UTC = /^[+-]?\d{4,6}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$/;

/** A header that holds an RFC 3339 time in UTC; undefined for anything else. */
export function headerTime(headers: RecordHeaders, name: string): Date | undefined {
  const text = headerText(headers, name);
  if (text === undefined || !RFC_3339_UTC.test(text)) return undefined;
  const time = new Date(text);
  return Number.isNaN(time.getTime()) ? undefined : time;
}

/** Where a record came from: its identity in the log. */
export interface Coordinates {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestamp: Date;
}

/** The coordinates that `dlq-source-*` headers tell of, if they are whole. */
export function sourceOf(headers: RecordHeaders): Coordinates | undefined {
  const topic = headerText(headers, DLQ_HEADERS.sourceTopic);
  const partition = headerInteger(headers, DLQ_HEADERS.sourcePartition, 0);
  const offset = headerInteger(headers, DLQ_HEADERS.sourceOffset, 0);
  const timestamp = headerTime(headers, DLQ_HEADERS.sourceTimestamp);
  if (topic === undefined || partition === undefined || offset === undefined || timestamp === undefined) {
    return undefined;
  }
  return { topic, partition, offset, timestamp };
}

/** Largest distance from the epoch that a Date can hold, in milliseconds. */
const MAX_TIME_MS = 8.64e15;

export function coordinatesOf(record: KafkaRecord): Coordinates {
  const timestamp = new Date(Math.max(-MAX_TIME_MS, Math.min(MAX_TIME_MS, record.timestamp)));
  return { topic: record.topic, partition: record.partition, offset: record.offset, timestamp };
}
