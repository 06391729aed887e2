import type { TableSpec } from './tables';

/** A field of a BigQuery table schema, as its REST API and `bq` take it. */
export interface BigQueryField {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly description: string;
}

/** The schema of a table for the REST API (`schema.fields`) and for `bq mk --schema`. */
export function bigQuerySchema(spec: TableSpec): BigQueryField[] {
  return spec.columns.map(({ name, type, mode, description }) => ({ name, type, mode, description }));
}
