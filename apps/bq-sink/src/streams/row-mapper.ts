import { isUtf8 } from 'node:buffer';

import { type RowBuffer, RowEncoder } from '@orderstream/bigquery';
import { CE, type Family, METADATA_COLUMNS, QUALITY_HEADERS, tableForFamily } from '@orderstream/contracts';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import type { KafkaRecord, RecordHeaders } from '@orderstream/kafka';
import { traceIdOf } from '@orderstream/observability';

import type { RowSource } from './micro-batch';

/** Reason codes of the sink's dead letters. */
export const REJECTION_CODES = {
  notJson: 'sink.malformed_json',
  notEncodable: 'sink.row_not_encodable',
  rejected: 'sink.row_rejected',
} as const;

/** Encodes the records of a family as rows: the fields of the body, and metadata columns. */
export class RowMapper implements RowSource {
  private readonly encoder: RowEncoder;

  constructor(family: Family) {
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

  /** Adds the record's row to `rows`, or returns the reason why it cannot be encoded. */
  encode(record: KafkaRecord, rows: RowBuffer): DeadLetterReason | undefined {
    const body = parseObject(record.value);
    if (body === undefined) return { code: REJECTION_CODES.notJson };
    const { headers } = record;
    const flags = headerText(headers, QUALITY_HEADERS.flags);
    const rejected = this.encoder.encode(
      body,
      {
        event_source: headerText(headers, CE.source),
        quality_flags: flags === undefined || flags === '' ? undefined : flags.split(','),
        trace_id: CE.traceparent in headers ? traceIdOf(headers) : undefined,
        _kafka_topic: record.topic,
        _kafka_partition: record.partition,
        _kafka_offset: record.offset,
        _kafka_timestamp: record.timestamp,
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

/** The text of a header; of its first value if the header is repeated. */
function headerText(headers: RecordHeaders, name: string): string | undefined {
  const value = headers[name];
  const first = Array.isArray(value) ? value[0] : value;
  return typeof first === 'string' ? first : first?.toString();
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
