import { type RowBuffer, RowEncoder } from '@orderstream/bigquery';
import { CE, type DeadLetterApp, DLQ_HEADERS, TABLES } from '@orderstream/contracts';
import {
  type DeadLetter,
  type DeadLetterReason,
  fingerprint,
  headerText,
  parseDeadLetter,
  reasonTexts,
} from '@orderstream/dead-letters';
import type { KafkaRecord } from '@orderstream/kafka';
import { traceIdOf } from '@orderstream/observability';

import type { RowSource } from '../streams/micro-batch';
import { bodyColumns, headersColumn, keyColumns, shortText } from './letter-content';

/** The reason of a row whose record is no dead letter. */
const UNREADABLE = 'dead_letter.unreadable';

const DAY_MS = 86_400_000;
/** Days of `failed_at` that BigQuery takes streamed rows for, with some to spare: 1,825 in the past and 366 in the future. */
const PARTITIONS = { pastMs: 1_800 * DAY_MS, futureMs: 300 * DAY_MS };
/** 0001-01-01T00:00:00Z, the first TIMESTAMP of BigQuery, in milliseconds. */
const FIRST_TIMESTAMP_MS = -62_135_596_800_000;

/** The columns that describe the failure. */
interface Failure {
  readonly app: string;
  readonly reason: string;
  readonly detail: string;
  readonly fingerprint: string;
  readonly source: DeadLetter['source'] | undefined;
  readonly attempt: number;
  readonly failedAtMs: number;
  readonly firstFailedAtMs: number;
  readonly cut: DeadLetter['cut'];
  /** The columns have all that the `dlq-*` headers say. */
  readonly isWhole: boolean;
}

/**
 * Encodes the records of dead-letter topics as rows of `dead_letters`. Total: every record has a row. One that is no dead
 * letter has the reason `dead_letter.unreadable`, its own coordinates, bytes and headers, and no source.
 */
export class LetterMapper implements RowSource {
  private readonly encoder: RowEncoder;

  /** @param app the service whose dead letters the topic holds */
  constructor(
    private readonly app: DeadLetterApp,
    private readonly nowMs: () => number = Date.now,
  ) {
    this.encoder = new RowEncoder('dead_letters', { body: [], metadata: TABLES.dead_letters?.columns ?? [] });
  }

  get columns(): readonly string[] {
    return this.encoder.columns;
  }

  get schema(): Buffer {
    return this.encoder.schema;
  }

  /** Returns no reason: the values fit their columns, whatever the record is (`letter-mapper.unit.spec.ts`). */
  encode(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined {
    const rejected = this.encoder.encode({}, this.valuesOf(record), rows);
    return rejected === undefined ? undefined : { code: UNREADABLE, ...rejected };
  }

  private valuesOf(record: KafkaRecord): Readonly<Record<string, unknown>> {
    const failure = this.failureOf(record);
    const { source } = failure;
    const body = bodyColumns(record.value);
    const key = keyColumns(record.key);
    const failedAtMs = this.streamable(failure.failedAtMs);
    const sourceMs = storable(source?.timestamp.getTime());
    const isWhole =
      failure.isWhole &&
      failedAtMs === failure.failedAtMs &&
      storable(failure.firstFailedAtMs) !== undefined &&
      (source === undefined || sourceMs !== undefined);
    const headers = headersColumn(record.headers, isWhole ? 'own' : 'all');
    const cut = { ...failure.cut, ...body.cut, ...headers.cut, ...key.cut };
    return {
      source: 'stream',
      app: failure.app,
      reason: shortText(failure.reason),
      fingerprint: shortText(failure.fingerprint),
      detail: shortText(failure.detail),
      source_topic: shortText(source?.topic),
      source_partition: source?.partition,
      source_offset: source?.offset,
      source_timestamp: sourceMs,
      attempt: failure.attempt,
      failed_at: failedAtMs,
      first_failed_at: storable(failure.firstFailedAtMs) ?? failedAtMs,
      event_id: shortText(headerText(record.headers, CE.id)),
      event_type: shortText(headerText(record.headers, CE.type)),
      event_source: shortText(headerText(record.headers, CE.source)),
      trace_id: headerText(record.headers, CE.traceparent) === undefined ? undefined : traceIdOf(record.headers),
      record_key: key.text,
      record_key_bytes: key.bytes,
      body: body.text,
      body_bytes: body.bytes,
      headers: headers.json,
      cut: Object.keys(cut).length === 0 ? undefined : JSON.stringify(cut),
      _kafka_topic: record.topic,
      _kafka_partition: record.partition,
      _kafka_offset: record.offset,
      _kafka_timestamp: storable(record.timestamp),
    };
  }

  private failureOf(record: KafkaRecord): Failure {
    try {
      const letter = parseDeadLetter(record);
      return {
        ...letter,
        detail: headerText(record.headers, DLQ_HEADERS.detail) ?? '[]',
        failedAtMs: letter.failedAt.getTime(),
        firstFailedAtMs: letter.firstFailedAt.getTime(),
        isWhole: letter.batch === undefined,
      };
    } catch (error) {
      return this.unreadable(record, error);
    }
  }

  private unreadable(record: KafkaRecord, error: unknown): Failure {
    const constraint = error instanceof Error ? error.message : String(error);
    const { reason, detail } = reasonTexts([{ code: UNREADABLE, constraint }]);
    return {
      app: this.app,
      reason,
      detail,
      fingerprint: fingerprint(this.app, reason),
      source: undefined,
      attempt: 1,
      failedAtMs: record.timestamp,
      firstFailedAtMs: record.timestamp,
      cut: undefined,
      isWhole: false,
    };
  }

  /** A time whose day BigQuery takes a streamed row for: the given one, or now. */
  private streamable(ms: number): number {
    const nowMs = this.nowMs();
    return ms >= nowMs - PARTITIONS.pastMs && ms <= nowMs + PARTITIONS.futureMs ? ms : nowMs;
  }
}

/** A time that a TIMESTAMP column can hold; undefined for another one. */
function storable(ms: number | undefined): number | undefined {
  if (ms === undefined || !Number.isInteger(ms) || ms < FIRST_TIMESTAMP_MS) return undefined;
  return Number.isSafeInteger(ms * 1_000) ? ms : undefined;
}
