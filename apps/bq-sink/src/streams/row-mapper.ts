import { isUtf8 } from 'node:buffer';

import { type RowBuffer, RowEncoder } from '@orderstream/bigquery';
import { CE, type Family, METADATA_COLUMNS, QUALITY_HEADERS, tableForFamily } from '@orderstream/contracts';
import { type DeadLetterReason, NOT_REPLAYED, retriedSource } from '@orderstream/dead-letters';
import { isRetriable } from '@orderstream/errors';
import type { KafkaRecord, RecordHeaders } from '@orderstream/kafka';
import { traceIdOf } from '@orderstream/observability';

import type { RowSource } from './micro-batch';

/** Reason codes of the sink's dead letters. */
export const REJECTION_CODES = {
  notJson: 'sink.malformed_json',
  notEncodable: 'sink.row_not_encodable',
  mappingFailed: 'sink.mapping_failed',
  rejected: 'sink.row_rejected',
} as const;

/** A record whose mapping throws is rejected after this number of attempts. */
const MAX_ATTEMPTS = 3;

/**
 * Encodes the records of a family as rows: the fields of the body, and metadata columns. The row of a record from the retry
 * topic has the coordinates of its source record, and its own in the columns of the retry.
 */
export class RowMapper implements RowSource {
  private readonly encoder: RowEncoder;
  private readonly isRetry: boolean;

  constructor(family: Family, kind: 'validated' | 'retry' = 'validated') {
    this.isRetry = kind === 'retry';
    const { table, columns } = tableForFamily(family);
    const metadata = new Set(METADATA_COLUMNS.map(({ name }) => name));
    const body = columns.filter(({ name }) => !metadata.has(name));
    this.encoder = new RowEncoder(table, { body, metadata: METADATA_COLUMNS });
  }

  get columns(): readonly string[] {
    return this.encoder.columns;
  }

  get schema(): Buffer {
    return this.encoder.schema;
  }

  /**
   * Adds the record's row to `rows`, or returns the reason why it cannot be encoded. An exception is a rejection of the record.
   * @throws the error of a mapping that says of itself that it is transient
   */
  encode(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined {
    let failure: unknown;
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      try {
        return this.encodeRow(record, rows);
      } catch (error) {
        if (isRetriable(error)) throw error;
        failure = error;
      }
    }
    return { code: REJECTION_CODES.mappingFailed, constraint: messageOf(failure) };
  }

  private encodeRow(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined {
    const source = this.isRetry ? retriedSource(record, 'bq-sink') : undefined;
    if (this.isRetry && source === undefined) return NOT_REPLAYED;
    const body = parseObject(record.value);
    if (body === undefined) return { code: REJECTION_CODES.notJson };
    const { headers } = record;
    const flags = headerText(headers, QUALITY_HEADERS.flags);
    const rejected = this.encoder.encode(
      body,
      {
        event_source: headerText(headers, CE.source),
        quality_flags: flags === undefined || flags === '' ? undefined : flags.split(','),
        trace_id: headers[CE.traceparent] == null ? undefined : traceIdOf(headers),
        _kafka_topic: source?.topic ?? record.topic,
        _kafka_partition: source?.partition ?? record.partition,
        _kafka_offset: source?.offset ?? record.offset,
        _kafka_timestamp: source?.timestamp.getTime() ?? record.timestamp,
        _retry_partition: source === undefined ? undefined : record.partition,
        _retry_offset: source === undefined ? undefined : record.offset,
      },
      rows,
    );
    return rejected === undefined
      ? undefined
      : { code: REJECTION_CODES.notEncodable, path: rejected.path, constraint: rejected.constraint };
  }
}

function parseObject(value: Buffer | null): Readonly<Record<string, unknown>> | undefined {
  if (value === null || !isUtf8(value)) return undefined;
  let parsed: unknown;
  try {
    parsed = JSON.parse(value.toString());
  } catch {
    return undefined;
  }
  return isObject(parsed) ? parsed : undefined;
}

/** The text of a header; of its first value if the header is repeated. A null value is no value. */
function headerText(headers: RecordHeaders, name: string): string | undefined {
  const value: unknown = headers[name];
  const first: unknown = Array.isArray(value) ? value.find((each) => each !== null) : value;
  if (typeof first === 'string') return first;
  return Buffer.isBuffer(first) ? first.toString() : undefined;
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function messageOf(error: unknown): string {
  try {
    return error instanceof Error ? error.message : String(error);
  } catch {
    return 'unknown error';
  }
}
