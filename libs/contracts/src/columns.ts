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

/** One field of an event's body, which is also a column of its family's table. */
export interface EventColumn extends Column {
  readonly mode: 'REQUIRED' | 'NULLABLE';
  /** What the value must be. Completes the sentence "<field> must be …". */
  readonly constraint: string;
  /** Short form of `constraint`, for the reason of a dead letter. */
  readonly expected: string;
  /** A valid value. */
  readonly example: string | number | boolean;
}
