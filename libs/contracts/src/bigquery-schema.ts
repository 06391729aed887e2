import type { TableSpec } from './table-spec';

/** A field of a BigQuery table schema in the format of the REST API and of `bq`. */
export interface BigQueryField {
  readonly name: string;
  readonly type: string;
  readonly mode: string;
  readonly description: string;
}

/** The schema of a table for `schema.fields` of the REST API and for `bq mk --schema`. */
export function bigQuerySchema(spec: TableSpec): BigQueryField[] {
  return spec.columns.map(({ name, type, mode, description }) => ({ name, type, mode, description }));
}
