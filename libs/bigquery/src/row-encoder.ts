import { type Column, timestampMicros } from '@orderstream/contracts';

import { tag, WIRE_BYTES, WIRE_VARINT } from './protobuf';
import type { RowBuffer } from './row-buffer';
import { rowSchema } from './row-descriptor';

/** Why a record cannot be a row of the table: its first problem. It becomes the reason of a dead letter. */
export interface RowNotEncodable {
  /** Name of the field. */
  readonly path: string;
  /** What the column expects, or that there is no such column. */
  readonly constraint: string;
}

export interface RowColumns {
  /** Columns that the event's body fills. A record with any other body field is rejected. */
  readonly body: readonly Column[];
  /** Columns that the sink fills. TIMESTAMPs among them are given in milliseconds since the epoch. */
  readonly metadata: readonly Column[];
}

type RowValues = Readonly<Record<string, unknown>>;

interface FieldPlan {
  readonly name: string;
  /** The encoded tag, one or two bytes. */
  readonly tag: Buffer;
  readonly type: Column['type'] | 'TIMESTAMP_MS';
  readonly required: boolean;
  readonly repeated: boolean;
}

const EXPECTED = {
  STRING: 'well-formed string',
  NUMERIC: 'decimal string',
  INT64: 'integer',
  TIMESTAMP: 'RFC 3339 time in UTC',
  TIMESTAMP_MS: 'milliseconds since 1970',
  BOOL: 'boolean',
  BYTES: 'bytes',
} as const satisfies Record<FieldPlan['type'], string>;

/** One row of this size fits into an append. The topics' records are smaller. */
const MAX_ROW_BYTES = 9_000_000;

/**
 * Encodes events as rows of one table, in protobuf, directly into the buffer that is sent.
 *
 * Hot: loops over field plans that are built once, and allocates nothing per field. `row-encoder.unit.spec.ts` compares it
 * with protobufjs; `npm run bench` measures its rate.
 *
 * BigQuery checks the range and scale of NUMERIC values: it rejects such a row, and the sink dead-letters its record.
 */
export class RowEncoder {
  /** ProtoSchema of the rows, for the first request of a connection. */
  readonly schema: Buffer;
  /** Names of all columns. */
  readonly columns: readonly string[];
  private readonly body: readonly FieldPlan[];
  private readonly metadata: readonly FieldPlan[];

  constructor(messageName: string, columns: RowColumns) {
    const all = [...columns.body, ...columns.metadata];
    this.schema = rowSchema(messageName, all);
    this.columns = all.map((column) => column.name);
    this.body = columns.body.map((column, index) => plan(column, index + 1, column.type));
    this.metadata = columns.metadata.map((column, index) =>
      plan(column, columns.body.length + index + 1, column.type === 'TIMESTAMP' ? 'TIMESTAMP_MS' : column.type),
    );
  }

  /** Adds one row to `out`. If the record cannot be a row, returns the reason and leaves `out` unchanged. */
  encode(body: RowValues, metadata: RowValues, out: RowBuffer): RowNotEncodable | undefined {
    out.beginRow();
    const rejected = this.encodeBody(body, out) ?? this.encodeMetadata(metadata, out);
    if (rejected !== undefined) {
      out.dropRow();
      return rejected;
    }
    out.endRow();
    return undefined;
  }

  private encodeBody(body: RowValues, out: RowBuffer): RowNotEncodable | undefined {
    let known = 0;
    for (const field of this.body) {
      const value = body[field.name];
      if (value === undefined || value === null) {
        if (field.required) return { path: field.name, constraint: 'required' };
        if (value === null) known++;
      } else {
        known++;
        if (!write(field, value, out)) return { path: field.name, constraint: EXPECTED[field.type] };
      }
    }
    return Object.keys(body).length === known ? undefined : this.unknownField(body);
  }

  private encodeMetadata(metadata: RowValues, out: RowBuffer): RowNotEncodable | undefined {
    for (const field of this.metadata) {
      const value = metadata[field.name];
      if (value === undefined || value === null) {
        if (field.required) return { path: field.name, constraint: 'required' };
      } else if (!write(field, value, out)) return { path: field.name, constraint: EXPECTED[field.type] };
    }
    return out.writeOffset - out.size > MAX_ROW_BYTES ? { path: '', constraint: 'row of 9 MB at most' } : undefined;
  }

  private unknownField(body: RowValues): RowNotEncodable {
    const known = new Set(this.body.map((field) => field.name));
    const path = Object.keys(body).find((name) => !known.has(name)) ?? '';
    return { path, constraint: 'no such column' };
  }
}

function plan(column: Column, number: number, type: FieldPlan['type']): FieldPlan {
  const isVarint = type === 'INT64' || type === 'TIMESTAMP' || type === 'TIMESTAMP_MS' || type === 'BOOL';
  return {
    name: column.name,
    tag: tag(number, isVarint ? WIRE_VARINT : WIRE_BYTES),
    type,
    required: column.mode === 'REQUIRED',
    repeated: column.mode === 'REPEATED',
  };
}

function write(field: FieldPlan, value: unknown, out: RowBuffer): boolean {
  if (!field.repeated) return writeValue(field, value, out);
  if (!Array.isArray(value)) return false;
  for (const element of value) if (!writeValue(field, element, out)) return false;
  return true;
}

function writeValue(field: FieldPlan, value: unknown, out: RowBuffer): boolean {
  out.tag(field.tag);
  switch (field.type) {
    case 'STRING':
    case 'NUMERIC':
      return typeof value === 'string' && out.string(value);
    case 'INT64':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) return false;
      out.int64(value);
      return true;
    case 'TIMESTAMP': {
      if (typeof value !== 'string') return false;
      const micros = timestampMicros(value);
      if (Number.isNaN(micros)) return false;
      out.int64(micros);
      return true;
    }
    case 'TIMESTAMP_MS':
      if (typeof value !== 'number' || !Number.isSafeInteger(value * 1000)) return false;
      out.int64(value * 1000);
      return true;
    case 'BOOL':
      if (typeof value !== 'boolean') return false;
      out.varint(value ? 1 : 0);
      return true;
    case 'BYTES':
      if (!Buffer.isBuffer(value)) return false;
      out.lengthDelimited(value);
      return true;
  }
}
