import { createHash } from 'node:crypto';

import { type DeadLetterApp, deadLetterTopic, RULE_CODES } from '@orderstream/contracts';
import type { KafkaRecord, OutputRecord } from '@orderstream/kafka';

import { fitted } from './fit-topic';
import {
  type Coordinates,
  coordinatesOf,
  DLQ_HEADERS,
  headerInteger,
  headerTime,
  sourceOf,
  withoutDeadLetterHeaders,
} from './headers';

/** Why a record was rejected. */
export interface DeadLetterReason {
  /** A rule's code, or `<app's concern>.<what>` where no rule fired. */
  readonly code: string;
  /** Field path in the body, or the header's name. */
  readonly path?: string;
  /** Name of the constraint that does not hold. */
  readonly constraint?: string;
}

export const MAX_DETAIL_BYTES = 2_048;

/**
 * Longest code, path or constraint kept, in UTF-16 units. A path can be a field name that a stranger made up, of any
 * length. Three of them, each unit escaped to six bytes of JSON, stay below `MAX_DETAIL_BYTES`: one entry always fits.
 */
const MAX_PART_LENGTH = 100;

export interface DeadLetterContext {
  readonly app: DeadLetterApp;
  /** All that is wrong, at least one entry. */
  readonly reasons: readonly DeadLetterReason[];
  readonly failedAt: Date;
}

/**
 * The dead letter of a record: key, bytes and headers untouched, with `dlq-*` headers that say what happened; for
 * `<source>.dlq.<app>`, in the partition of the same number.
 *
 * A record that was replayed and fails again counts on: `dlq-attempt` + 1, `dlq-first-failed-at` kept, the other
 * `dlq-*` headers replaced. A record out of `<source>.retry.<app>` keeps the coordinates of its first reading.
 *
 * The headers added are below 4 kB whatever the record holds, so the source's limit + 64 kB is room enough for what was
 * stored as it is. What was stored compressed may be larger by far: the producer compresses it again, and only of what
 * does not fit even so a part is cut off, which header `dlq-cut` then tells (`fitted`).
 *
 * @throws RangeError when no reason is given: that is a defect of the caller, not of the record.
 */
export function buildDeadLetter(record: KafkaRecord, context: DeadLetterContext): OutputRecord {
  const { app, failedAt } = context;
  const [first, ...others] = inOrderOfRules(context.reasons).map(shortened);
  if (first === undefined) throw new RangeError(`a dead letter of ${app} needs a reason`);
  const source = origin(record, app);
  const earlier = headerInteger(record.headers, DLQ_HEADERS.attempt, 1) ?? 0;
  const firstFailedAt = earlier === 0 ? undefined : headerTime(record.headers, DLQ_HEADERS.firstFailedAt);

  const headers = withoutDeadLetterHeaders(record.headers);
  headers[DLQ_HEADERS.reason] = first.code;
  headers[DLQ_HEADERS.detail] = detailJson([first, ...others]);
  headers[DLQ_HEADERS.app] = app;
  headers[DLQ_HEADERS.sourceTopic] = source.topic;
  headers[DLQ_HEADERS.sourcePartition] = String(source.partition);
  headers[DLQ_HEADERS.sourceOffset] = String(source.offset);
  headers[DLQ_HEADERS.sourceTimestamp] = source.timestamp.toISOString();
  headers[DLQ_HEADERS.failedAt] = failedAt.toISOString();
  headers[DLQ_HEADERS.firstFailedAt] = (firstFailedAt ?? failedAt).toISOString();
  headers[DLQ_HEADERS.attempt] = String(Math.min(earlier + 1, Number.MAX_SAFE_INTEGER));
  headers[DLQ_HEADERS.fingerprint] = fingerprint(app, first);
  return fitted({
    topic: deadLetterTopic(source.topic, app),
    partition: source.partition,
    key: record.key,
    value: record.value,
    headers,
  });
}

/** What groups alike failures: 16 hex digits of sha256 over app, reason and field path, separated by line feeds. */
function fingerprint(app: DeadLetterApp, reason: DeadLetterReason): string {
  return createHash('sha256')
    .update(`${app}\n${reason.code}\n${reason.path ?? ''}`)
    .digest('hex')
    .slice(0, 16);
}

/** Where the record was first read: a record in a retry topic carries that in its headers. */
function origin(record: KafkaRecord, app: DeadLetterApp): Coordinates {
  const retrySuffix = `.retry.${app}`;
  if (!record.topic.endsWith(retrySuffix)) return coordinatesOf(record);
  const source = sourceOf(record.headers);
  const topic = record.topic.slice(0, -retrySuffix.length);
  // Headers that name another topic are a stranger's: the record then stands for itself, in its source's dead letters.
  return source?.topic === topic ? source : { ...coordinatesOf(record), topic };
}

const RANK: ReadonlyMap<string, number> = new Map(RULE_CODES.map((code, rank) => [code, rank]));

/** Rules in the order in which they are evaluated; other codes after them, as given. */
function inOrderOfRules(reasons: readonly DeadLetterReason[]): DeadLetterReason[] {
  const rank = (reason: DeadLetterReason): number => RANK.get(reason.code) ?? RANK.size;
  return reasons.toSorted((a, b) => rank(a) - rank(b));
}

function shortened(reason: DeadLetterReason): DeadLetterReason {
  return {
    code: clip(reason.code),
    ...(reason.path === undefined ? {} : { path: clip(reason.path) }),
    ...(reason.constraint === undefined ? {} : { constraint: clip(reason.constraint) }),
  };
}

/** Well-formed text: half a surrogate pair has no UTF-8, and would read back as another string. */
function clip(text: string): string {
  const kept = text.length <= MAX_PART_LENGTH ? text : `${text.slice(0, MAX_PART_LENGTH - 1)}…`;
  return Buffer.from(kept).toString();
}

/** As many whole entries as fit, from the first. */
function detailJson(reasons: readonly DeadLetterReason[]): string {
  const entries: string[] = [];
  let bytes = 2;
  for (const { code, path, constraint } of reasons) {
    const entry = JSON.stringify({ code, path, constraint });
    bytes += Buffer.byteLength(entry) + (entries.length === 0 ? 0 : 1);
    if (bytes > MAX_DETAIL_BYTES) break;
    entries.push(entry);
  }
  return `[${entries.join(',')}]`;
}
