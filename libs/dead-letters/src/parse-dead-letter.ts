import { DEAD_LETTER_APPS, type DeadLetterApp, DLQ_HEADERS } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { KafkaRecord, RecordHeaders } from '@orderstream/kafka';

import type { DeadLetterReason } from './build-dead-letter';
import {
  type Coordinates,
  headerInteger,
  headerText,
  headerTime,
  type ReplayMark,
  replayOf,
  type SkippedBatch,
  sourceOf,
  withoutDeadLetterHeaders,
} from './headers';

/** A dead letter. Its identity is (app, source topic, partition, offset, attempt). */
export interface DeadLetter {
  readonly app: DeadLetterApp;
  readonly reason: string;
  /** The problems of the record, starting with `reason`. A long list is cut. */
  readonly reasons: readonly DeadLetterReason[];
  readonly source: Coordinates;
  readonly failedAt: Date;
  readonly firstFailedAt: Date;
  readonly attempt: number;
  readonly fingerprint: string;
  /** What was cut to fit the topic, with its original size in bytes; undefined when the record is complete. */
  readonly cut: Readonly<Partial<Record<string, number>>> | undefined;
  /** Of a record batch that could not be decoded: what was left out of the log. Undefined for a record. */
  readonly batch: SkippedBatch | undefined;
  /** Of a record that a replay returned, and that failed again. */
  readonly replay: ReplayMark | undefined;
  /** The letter is not its record, or not the whole of it: it is not replayed unless a person edits it. */
  readonly needsEdit: boolean;
  /** Coordinates of the dead letter itself. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** Key, value and headers of the failed record. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** A record in a dead-letter topic whose `dlq-*` headers are missing or invalid. */
export class DeadLetterUnreadableError extends OrderstreamError {
  readonly code: ErrorCode = 'DEAD_LETTER_UNREADABLE';

  constructor(record: KafkaRecord, header: string) {
    super(
      `${record.topic}/${String(record.partition)}@${String(record.offset)} is not a dead letter: its header ${header} ` +
        'is missing or invalid; check whether other programs write to this topic',
    );
  }
}

/** @throws DeadLetterUnreadableError with the first header that is missing or invalid */
export function parseDeadLetter(record: KafkaRecord): DeadLetter {
  const { headers } = record;
  const required = <T>(value: T | undefined, header: string): T => {
    if (value === undefined) throw new DeadLetterUnreadableError(record, header);
    return value;
  };
  const app = headerText(headers, DLQ_HEADERS.app);
  return {
    app: required(
      DEAD_LETTER_APPS.find((known) => known === app),
      DLQ_HEADERS.app,
    ),
    reason: required(headerText(headers, DLQ_HEADERS.reason), DLQ_HEADERS.reason),
    reasons: required(parseDetail(headerText(headers, DLQ_HEADERS.detail)), DLQ_HEADERS.detail),
    source: required(sourceOf(headers), DLQ_HEADERS.sourceTopic),
    failedAt: required(headerTime(headers, DLQ_HEADERS.failedAt), DLQ_HEADERS.failedAt),
    firstFailedAt: required(headerTime(headers, DLQ_HEADERS.firstFailedAt), DLQ_HEADERS.firstFailedAt),
    attempt: required(headerInteger(headers, DLQ_HEADERS.attempt, 1), DLQ_HEADERS.attempt),
    fingerprint: required(headerText(headers, DLQ_HEADERS.fingerprint), DLQ_HEADERS.fingerprint),
    ...incompleteness(record),
    replay: replayOf(headers),
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    key: record.key,
    value: record.value,
    headers: withoutDeadLetterHeaders(headers),
  };
}

function incompleteness(record: KafkaRecord): Pick<DeadLetter, 'cut' | 'batch' | 'needsEdit'> {
  const cut = parseNumbers(record, DLQ_HEADERS.cut);
  const batch = parseBatch(record);
  return { cut, batch, needsEdit: cut !== undefined || batch !== undefined };
}

function parseBatch(record: KafkaRecord): SkippedBatch | undefined {
  const parsed = parseNumbers(record, DLQ_HEADERS.batch);
  if (parsed === undefined) return undefined;
  const { firstOffset, lastOffset, records, baseOffset, bytes } = parsed;
  if (
    firstOffset === undefined ||
    lastOffset === undefined ||
    records === undefined ||
    baseOffset === undefined ||
    bytes === undefined
  ) {
    throw new DeadLetterUnreadableError(record, DLQ_HEADERS.batch);
  }
  return { firstOffset, lastOffset, records, baseOffset, bytes };
}

/** @throws DeadLetterUnreadableError when the header is invalid, so that no part of a record is used as a complete one */
function parseNumbers(record: KafkaRecord, name: string): Readonly<Partial<Record<string, number>>> | undefined {
  const { headers } = record;
  if (!Object.hasOwn(headers, name)) return undefined;
  try {
    const parsed: unknown = JSON.parse(headerText(headers, name) ?? '');
    if (isNumbers(parsed)) return parsed;
  } catch {
    // Reported below.
  }
  throw new DeadLetterUnreadableError(record, name);
}

function isNumbers(value: unknown): value is Readonly<Record<string, number>> {
  return (
    typeof value === 'object' && value !== null && Object.values(value).every((bytes) => Number.isSafeInteger(bytes))
  );
}

function parseDetail(text: string | undefined): readonly DeadLetterReason[] | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return Array.isArray(parsed) && parsed.every(isReason) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isReason(value: unknown): value is DeadLetterReason {
  if (typeof value !== 'object' || value === null || !('code' in value)) return false;
  const optionalText = (text: unknown): boolean => text === undefined || typeof text === 'string';
  return (
    typeof value.code === 'string' &&
    (!('path' in value) || optionalText(value.path)) &&
    (!('constraint' in value) || optionalText(value.constraint))
  );
}
