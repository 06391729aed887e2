import { createHash } from 'node:crypto';

import {
  type DeadLetterApp,
  deadLetterTopic,
  DLQ_HEADERS,
  MAX_ATTEMPTS,
  MAX_DETAIL_BYTES,
  parkedTopic,
  RULE_CODES,
} from '@orderstream/contracts';
import type { KafkaRecord, OutputRecord } from '@orderstream/kafka';

import { fitToTopic } from './fit-topic';
import {
  type Coordinates,
  coordinatesOf,
  headerInteger,
  headerTime,
  replayHeaderOf,
  type SkippedBatch,
  withDeadLetterHeaders,
} from './headers';
import { retriedSource, retriedTopic } from './retried-record';

/** Why a record was rejected. */
export interface DeadLetterReason {
  /** The code of a rule; where no rule fired, a code of the app such as `publish.rejected`. */
  readonly code: string;
  /** Path of the field in the body, or name of the header. */
  readonly path?: string;
  /** Name of the violated constraint. */
  readonly constraint?: string;
}

/**
 * Longest code, path or constraint, in UTF-16 units; longer ones are cut (a path can be a field name of any length). Three
 * of them, with each unit escaped to six bytes of JSON, stay below `MAX_DETAIL_BYTES`: one entry always fits.
 */
const MAX_TEXT_LENGTH = 100;

export interface DeadLetterContext {
  readonly app: DeadLetterApp;
  /** Every problem of the record, at least one. */
  readonly reasons: readonly DeadLetterReason[];
  readonly failedAt: Date;
  /** What the letter holds in place of a record: see `buildBatchDeadLetter`. */
  readonly batch?: SkippedBatch;
}

/**
 * The dead letter of a record: its key, value and headers unchanged and in their order, null values included, and `dlq-*`
 * headers that describe the failure. It belongs into `<source>.dlq.<app>`, into the partition of the same number; one that
 * was rejected more than `MAX_ATTEMPTS` times into `<source>.dlq.<app>.parked`.
 *
 * When a replayed record fails again, `dlq-attempt` increases by 1, `dlq-first-failed-at` and `dlq-replay`, the mark of the
 * replay, stay the same, and the other `dlq-*` headers are replaced. A record from `<source>.retry.<app>` has the coordinates
 * of its source record.
 *
 * The added headers are below 4 kB for any record. A record that was stored uncompressed therefore fits into the dead-letter
 * topic, whose limit is that of the source + 64 kB. A record that was stored compressed can be much larger: the producer
 * compresses its dead letter again, and what does not fit even then is cut (`fitToTopic`).
 *
 * @throws RangeError when no reason is given: a defect of the caller
 */
export function buildDeadLetter(record: KafkaRecord, context: DeadLetterContext): OutputRecord {
  const { app, failedAt, batch } = context;
  const { reason, path, detail } = reasonTexts(context.reasons);
  const source = origin(record, app);
  const earlier = headerInteger(record.headers, DLQ_HEADERS.attempt, 1) ?? 0;
  const replay = earlier === 0 ? undefined : replayHeaderOf(record.headers);
  const attempt = Math.min(earlier + 1, Number.MAX_SAFE_INTEGER);
  const firstFailedAt = earlier === 0 ? undefined : headerTime(record.headers, DLQ_HEADERS.firstFailedAt);
  const topic = deadLetterTopic(retriedTopic(record.topic, app) ?? record.topic, app);

  const headers = withDeadLetterHeaders(record.headers, {
    [DLQ_HEADERS.reason]: reason,
    [DLQ_HEADERS.detail]: detail,
    [DLQ_HEADERS.app]: app,
    [DLQ_HEADERS.sourceTopic]: source.topic,
    [DLQ_HEADERS.sourcePartition]: String(source.partition),
    [DLQ_HEADERS.sourceOffset]: String(source.offset),
    [DLQ_HEADERS.sourceTimestamp]: source.timestamp.toISOString(),
    [DLQ_HEADERS.failedAt]: failedAt.toISOString(),
    [DLQ_HEADERS.firstFailedAt]: (firstFailedAt ?? failedAt).toISOString(),
    [DLQ_HEADERS.attempt]: String(attempt),
    [DLQ_HEADERS.fingerprint]: fingerprint(app, reason, path),
    ...(batch === undefined ? {} : { [DLQ_HEADERS.batch]: JSON.stringify(batch) }),
    ...(replay === undefined ? {} : { [DLQ_HEADERS.replay]: replay }),
  });
  return fitToTopic({
    topic: attempt > MAX_ATTEMPTS ? parkedTopic(topic) : topic,
    partition: record.partition,
    key: record.key,
    value: record.value,
    headers,
  });
}

/**
 * The texts of `dlq-reason` and `dlq-detail`, and the path of the first reason.
 *
 * @throws RangeError when no reason is given: a defect of the caller
 */
export function reasonTexts(reasons: readonly DeadLetterReason[]): {
  readonly reason: string;
  readonly path: string | undefined;
  readonly detail: string;
} {
  const [first, ...others] = inOrderOfRules(reasons).map(shortened);
  if (first === undefined) throw new RangeError('a dead letter needs a reason');
  return { reason: first.code, path: first.path, detail: detailJson([first, ...others]) };
}

/** Groups similar failures: 16 hex digits of the SHA-256 of app, reason and field path, separated by line feeds. */
export function fingerprint(app: DeadLetterApp, reason: string, path = ''): string {
  return createHash('sha256').update(`${app}\n${reason}\n${path}`).digest('hex').slice(0, 16);
}

/** The coordinates of the source record. */
function origin(record: KafkaRecord, app: DeadLetterApp): Coordinates {
  // A record of a retry topic that no replay has written is identified by its own coordinates.
  return retriedSource(record, app) ?? coordinatesOf(record);
}

const RANK: ReadonlyMap<string, number> = new Map(RULE_CODES.map((code, rank) => [code, rank]));

/** The codes of rules in the order of their evaluation, then other codes in the given order. */
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

/** Control characters, and format characters, which reorder or hide text. */
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Cuts a text, which may quote a record, and shows what a terminal may act on as an escape, such as `\u001b`. Replaces
 * lone surrogates, which have no UTF-8 encoding.
 */
function clip(text: string): string {
  // Only what can remain after the cut is escaped.
  const safe = text.slice(0, MAX_TEXT_LENGTH + 1).replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code > 0xffff ? `{${code.toString(16)}}` : code.toString(16).padStart(4, '0')}`;
  });
  const clipped = safe.length <= MAX_TEXT_LENGTH ? safe : `${safe.slice(0, MAX_TEXT_LENGTH - 1)}…`;
  return Buffer.from(clipped).toString();
}

/** The first entries that fit into `MAX_DETAIL_BYTES`. */
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
