/** The BigQuery types that the contracts use. */
export type BigQueryType = 'STRING' | 'INT64' | 'NUMERIC' | 'TIMESTAMP' | 'BOOL' | 'BYTES';
export type ColumnMode = 'REQUIRED' | 'NULLABLE' | 'REPEATED';

/** One column of a table. */
export interface Column {
  readonly name: string;
  readonly type: BigQueryType;
  readonly mode: ColumnMode;
  readonly description: string;
  /** Whether it is personal data (a name, an address, search terms). */
  readonly personal: boolean;
}

/**
 * A field's constraint in JSON Schema: keywords that mean the same in draft 7 and in 2020-12. Patterns have no look-around
 * and no escape of Unicode, which RE2 (Go) and others lack.
 */
export interface FieldSchema {
  readonly type: 'string' | 'integer' | 'boolean';
  readonly format?: 'date-time' | 'uuid';
  readonly enum?: readonly string[];
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** The type excludes null, which matches every pattern. */
  readonly not?: { readonly type: 'string'; readonly pattern: string };
  readonly minimum?: number;
  readonly maximum?: number;
}

/** One field of an event's body, which is also a column of its family's table. */
export interface EventColumn extends Column {
  readonly mode: 'REQUIRED' | 'NULLABLE';
  /** What the value must be. Completes the sentence "<field> must be …". */
  readonly constraint: string;
  /** Short form of `constraint`, for the reason of a dead letter. */
  readonly expected: string;
  /** The constraint on a value that is not null. */
  readonly schema: FieldSchema;
  /** A valid value. */
  readonly example: string | number | boolean;
}
