import { type BigQuery, type Dataset, type TableField, type TableMetadata } from '@google-cloud/bigquery';
import { bigQuerySchema, type TableSpec } from '@orderstream/contracts';

import { answered } from './deadline';
import { TableMismatchError } from './errors';

const CONFLICT = 409;

/** REST names of types that have two. */
const TYPE_NAMES: Readonly<Record<string, string>> = { INTEGER: 'INT64', BOOLEAN: 'BOOL', FLOAT: 'FLOAT64' };

export interface TableReport {
  readonly table: string;
  readonly created: boolean;
  /** Columns of the contract that the table has not got yet: the schema sync is to add them. */
  readonly missingColumns: readonly string[];
}

export interface TableOptions {
  /** Partitions older than this are dropped by BigQuery; undefined keeps them. */
  readonly partitionExpirationMs?: number;
}

/**
 * Creates the dataset if it is missing. Several services may do so at once.
 * @throws BigQueryCallError when BigQuery gives no answer
 */
export async function ensureDataset(bigquery: BigQuery, dataset: string, location: string): Promise<Dataset> {
  const handle = bigquery.dataset(dataset);
  const [exists] = await answered(`looking for dataset ${dataset}`, () => handle.exists());
  if (!exists) {
    await answered(`creating dataset ${dataset}`, () => bigquery.createDataset(dataset, { location })).catch(
      ignore(CONFLICT),
    );
  }
  return handle;
}

/**
 * Creates the tables that are missing and compares the others with their contracts. Several services may do so at once.
 * A table may have more columns than its contract; what it lacks is reported, never added here.
 * @throws TableMismatchError when a column has another type or mode, or the table another layout
 * @throws BigQueryCallError when BigQuery gives no answer
 */
export async function ensureTables(
  dataset: Dataset,
  specs: readonly TableSpec[],
  options: TableOptions = {},
): Promise<readonly TableReport[]> {
  return Promise.all(specs.map((spec) => ensureTable(dataset, spec, options)));
}

async function ensureTable(dataset: Dataset, spec: TableSpec, options: TableOptions): Promise<TableReport> {
  const table = dataset.table(spec.table);
  const [exists] = await answered(`looking for table ${spec.table}`, () => table.exists());
  let created = false;
  if (!exists) {
    const creating = answered(`creating table ${spec.table}`, () =>
      dataset.createTable(spec.table, layout(spec, options)),
    );
    created = await creating.then(
      () => true,
      (error: unknown) => {
        ignore(CONFLICT)(error);
        return false;
      },
    );
  }
  const [metadata] = (await answered(`looking at table ${spec.table}`, () => table.getMetadata())) as [
    TableMetadata,
    unknown,
  ];
  return { table: spec.table, created, missingColumns: compare(spec, metadata) };
}

function layout(spec: TableSpec, { partitionExpirationMs }: TableOptions): TableMetadata {
  return {
    description: spec.description,
    schema: { fields: bigQuerySchema(spec) },
    timePartitioning: {
      type: 'DAY',
      field: spec.partitionField,
      ...(partitionExpirationMs === undefined ? {} : { expirationMs: String(partitionExpirationMs) }),
    },
    clustering: { fields: [...spec.clustering] },
  };
}

/** Names of the missing columns. */
function compare(spec: TableSpec, metadata: TableMetadata): string[] {
  const schema = metadata.schema;
  const fields: readonly TableField[] =
    typeof schema === 'object' && 'fields' in schema && Array.isArray(schema.fields) ? schema.fields : [];
  const found = new Map(fields.map((field) => [field.name, field]));
  const problems: string[] = [];
  for (const column of spec.columns) {
    const field = found.get(column.name);
    if (field === undefined) continue;
    const type = TYPE_NAMES[field.type ?? ''] ?? field.type;
    if (type !== column.type) problems.push(`${column.name} is ${type ?? 'untyped'} instead of ${column.type}`);
    const mode = field.mode ?? 'NULLABLE';
    const looser = mode === 'NULLABLE' && column.mode === 'REQUIRED';
    if (mode !== column.mode && !looser) problems.push(`${column.name} is ${mode} instead of ${column.mode}`);
  }
  const partitioning = metadata.timePartitioning;
  if (partitioning?.field !== spec.partitionField) problems.push(`not partitioned by ${spec.partitionField}`);
  const clustering = metadata.clustering?.fields ?? [];
  if (clustering.join() !== spec.clustering.join()) {
    problems.push(
      `clustered by ${clustering.join(', ') || 'nothing'} instead of ${spec.clustering.join(', ') || 'nothing'}`,
    );
  }
  if (problems.length > 0) throw new TableMismatchError(spec.table, problems);
  return spec.columns.filter(({ name }) => !found.has(name)).map(({ name }) => name);
}

function ignore(code: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Error && 'code' in error && Number(error.code) === code)) throw error;
  };
}
