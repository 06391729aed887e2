import { DEAD_LETTER_APPS, type DeadLetterApp } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { KafkaRecord, RecordHeaders } from '@orderstream/kafka';

import type { DeadLetterReason } from './build-dead-letter';
import {
  type Coordinates,
  DLQ_HEADERS,
  headerInteger,
  headerText,
  headerTime,
  sourceOf,
  withoutDeadLetterHeaders,
} from './headers';

/** A dead letter as read. Its identity is (app, source topic, partition, offset, attempt). */
export interface DeadLetter {
  readonly app: DeadLetterApp;
  readonly reason: string;
  /** What is wrong, the reason first; cut to whole entries where it was long. */
  readonly reasons: readonly DeadLetterReason[];
  readonly source: Coordinates;
  readonly failedAt: Date;
  readonly firstFailedAt: Date;
  readonly attempt: number;
  readonly fingerprint: string;
  /** Parts of the record that could not be stored whole, with the bytes that they had; undefined when all is there. */
  readonly cut: Readonly<Record<string, number>> | undefined;
  /** Where the dead letter itself lies. */
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  /** As the failed record had them. */
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: RecordHeaders;
}

/** A record in a dead-letter topic whose `dlq-*` headers are not those that the services write. */
export class DeadLetterUnreadableError extends OrderstreamError {
  readonly code: ErrorCode = 'DEAD_LETTER_UNREADABLE';

  constructor(record: KafkaRecord, header: string) {
    super(
      `${record.topic}/${String(record.partition)}@${String(record.offset)} is no dead letter: its header ${header} is ` +
        'missing or not as the services write it; find out who else writes to this topic',
    );
  }
}

/** @throws DeadLetterUnreadableError naming the first header that is wrong. */
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
    cut: parseCut(record),
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    key: record.key,
    value: record.value,
    headers: withoutDeadLetterHeaders(headers),
  };
}

/** A part of a record is never taken for the whole. @throws DeadLetterUnreadableError */
function parseCut(record: KafkaRecord): Readonly<Record<string, number>> | undefined {
  const { headers } = record;
  if (!Object.hasOwn(headers, DLQ_HEADERS.cut)) return undefined;
  try {
    const parsed: unknown = JSON.parse(headerText(headers, DLQ_HEADERS.cut) ?? '');
    if (isCut(parsed)) return parsed;
  } catch {
    // Told below.
  }
  throw new DeadLetterUnreadableError(record, DLQ_HEADERS.cut);
}

function isCut(value: unknown): value is Readonly<Record<string, number>> {
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
  const optionalText = (part: unknown): boolean => part === undefined || typeof part === 'string';
  return (
    typeof value.code === 'string' &&
    (!('path' in value) || optionalText(value.path)) &&
    (!('constraint' in value) || optionalText(value.constraint))
  );
}
