import type { BigQueryType, EventColumn } from './columns';
import type { EventContract } from './event';

type AvroType = string | Readonly<Record<string, string | number>>;

interface AvroField {
  readonly name: string;
  readonly type: AvroType | readonly ['null', AvroType];
  readonly doc: string;
  readonly default?: null;
  /** Avro carries attributes that it does not know. */
  readonly personal?: true;
}

/** The Avro schema of an event's row. */
export interface AvroSchema {
  readonly type: 'record';
  readonly name: string;
  readonly namespace: string;
  readonly doc: string;
  readonly fields: readonly AvroField[];
}

/** Amounts have at most 9 digits before the point and 2 behind it. BigQuery loads such a decimal as NUMERIC. */
const DECIMAL = { type: 'bytes', logicalType: 'decimal', precision: 11, scale: 2 } as const;

const TYPES = {
  STRING: 'string',
  INT64: 'long',
  NUMERIC: DECIMAL,
  TIMESTAMP: { type: 'long', logicalType: 'timestamp-micros' },
  BOOL: 'boolean',
  BYTES: 'bytes',
} as const satisfies Record<BigQueryType, AvroType>;

function fieldOf({ name, type, mode, description, constraint, personal }: EventColumn): AvroField {
  return {
    name,
    type: mode === 'NULLABLE' ? ['null', TYPES[type]] : TYPES[type],
    doc: `${description} In the body: ${constraint}.`,
    ...(mode === 'NULLABLE' && { default: null }),
    ...(personal && { personal: true }),
  };
}

/**
 * The Avro schema of an event's row: the columns of the body with the types of the table. A record's value is JSON, never
 * Avro.
 */
export const avroSchema = ({ type, version, family, eventClass, description, columns }: EventContract): AvroSchema => ({
  type: 'record',
  name: eventClass.name,
  namespace: `orderstream.${family}.v${version}`,
  doc: `${type}: ${description} The row of the event, not the value of its record, which is JSON.`,
  fields: columns.map(fieldOf),
});
