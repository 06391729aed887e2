import { type BigQuery, type Dataset, type TableField, type TableMetadata } from '@google-cloud/bigquery';
import { bigQuerySchema, type Column, type TableSpec } from '@orderstream/contracts';

import { retryWithoutAnswer } from './deadline';
import { TableMismatchError } from './errors';

const CONFLICT = 409;

/** The type names of the contracts, by the other names that the REST API uses. */
const TYPE_NAMES: Readonly<Record<string, string>> = { INTEGER: 'INT64', BOOLEAN: 'BOOL', FLOAT: 'FLOAT64' };

export interface TableReport {
  readonly table: string;
  readonly created: boolean;
  /** Columns of the contract that the table lacks. */
  readonly missingColumns: readonly string[];
  /** The statement that adds them; undefined when none is missing. */
  readonly addColumns?: string | undefined;
  /** Options that differ from the settings, as sentences. An existing table is not changed. */
  readonly differingOptions: readonly string[];
}

/** What the settings say of tables that are created. */
export interface TableOptions {
  readonly partitionExpirationDays?: number | undefined;
  readonly requirePartitionFilter?: boolean;
  readonly tableLabels?: Readonly<Record<string, string>>;
}

const DAY_MS = 86_400_000;

/**
 * Creates the dataset if it is missing. Several services may do so at the same time.
 * @throws BigQueryCallError when BigQuery gives no answer
 */
export async function ensureDataset(bigquery: BigQuery, dataset: string, location: string): Promise<Dataset> {
  const handle = bigquery.dataset(dataset);
  const [exists] = await callTables(`looking for dataset ${dataset}`, () => handle.exists());
  if (!exists) {
    await callTables(`creating dataset ${dataset}`, () => bigquery.createDataset(dataset, { location })).catch(
      ignore(CONFLICT),
    );
  }
  return handle;
}

/**
 * Creates the missing tables and compares the others with their contracts. Several services may do so at the same time.
 * A table may have more columns than its contract, if they are nullable or have a default. Missing columns are reported, not added.
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
  const [exists] = await callTables(`looking for table ${spec.table}`, () => table.exists());
  let created = false;
  if (!exists) {
    const creating = callTables(`creating table ${spec.table}`, () =>
      dataset.createTable(spec.table, layoutOf(spec, options)),
    );
    created = await creating.then(
      () => true,
      (error: unknown) => {
        ignore(CONFLICT)(error);
        return false;
      },
    );
  }
  const [metadata] = (await callTables(`reading the schema of table ${spec.table}`, () => table.getMetadata())) as [
    TableMetadata,
    unknown,
  ];
  const missing = compare(spec, metadata);
  return {
    table: spec.table,
    created,
    missingColumns: missing.map(({ name }) => name),
    ...(missing.length > 0 && { addColumns: addColumnsTo(`${dataset.id ?? ''}.${spec.table}`, missing) }),
    differingOptions: differingOptions(options, metadata),
  };
}

/** Logs which existing tables lack columns of their contract, and how to add them. */
export function logMissingColumns(
  reports: readonly TableReport[],
  logger: { warn(fields: object, message: string): void },
): void {
  for (const { table, missingColumns, addColumns } of reports) {
    if (addColumns === undefined) continue;
    logger.warn(
      { table, missingColumns, addColumns },
      `table ${table} lacks ${missingColumns.join(', ')} of its contract, and takes no rows until it has them. ` +
        `Run this statement; nothing needs a restart: ${addColumns}`,
    );
  }
}

/** Logs which existing tables have other options than the settings. */
export function logDifferingOptions(
  reports: readonly TableReport[],
  logger: { warn(fields: object, message: string): void },
): void {
  for (const { table, differingOptions } of reports) {
    if (differingOptions.length === 0) continue;
    logger.warn({ table, differingOptions }, 'table has other options than the settings; it is not changed');
  }
}

const callTables = <T>(what: string, call: () => Promise<T>): Promise<T> =>
  retryWithoutAnswer({ code: 'TABLE_CALL_FAILED', what }, call);

function layoutOf(
  spec: TableSpec,
  { partitionExpirationDays: days, requirePartitionFilter = false, tableLabels = {} }: TableOptions,
): TableMetadata {
  const expiration = days === undefined ? {} : { expirationMs: String(days * DAY_MS) };
  return {
    description: spec.description,
    schema: { fields: bigQuerySchema(spec) },
    timePartitioning: { type: 'DAY', field: spec.partitionField, ...expiration },
    clustering: { fields: [...spec.clustering] },
    ...(requirePartitionFilter && { requirePartitionFilter }),
    ...(Object.keys(tableLabels).length > 0 && { labels: { ...tableLabels } }),
  };
}

function differingOptions(
  { partitionExpirationDays: days, requirePartitionFilter = false, tableLabels = {} }: TableOptions,
  metadata: TableMetadata,
): string[] {
  const differences: string[] = [];
  const foundMs = Number(metadata.timePartitioning?.expirationMs ?? 0);
  const wantedMs = (days ?? 0) * DAY_MS;
  const inDays = (ms: number): string => (ms === 0 ? 'never' : `after ${String(ms / DAY_MS)} d`);
  if (foundMs !== wantedMs) differences.push(`partitions expire ${inDays(foundMs)} instead of ${inDays(wantedMs)}`);
  const isRequired =
    metadata.requirePartitionFilter === true || metadata.timePartitioning?.requirePartitionFilter === true;
  if (isRequired !== requirePartitionFilter) {
    differences.push(`a partition filter is ${isRequired ? '' : 'not '}required`);
  }
  // Others may add labels of their own.
  for (const [label, value] of Object.entries(tableLabels)) {
    const found = metadata.labels?.[label];
    if (found !== value) differences.push(`label ${label} is ${found ?? 'absent'} instead of ${value}`);
  }
  return differences;
}

/** BigQuery adds columns to a table that exists only as nullable or repeated ones: a looser mode is none of `compare`'s problems. */
function addColumnsTo(table: string, columns: readonly Column[]): string {
  const added = columns.map(({ name, type, mode }) => {
    return `ADD COLUMN IF NOT EXISTS ${name} ${mode === 'REPEATED' ? `ARRAY<${type}>` : type}`;
  });
  return `ALTER TABLE \`${table}\` ${added.join(', ')}`;
}

/** The missing columns. @throws TableMismatchError when anything else differs */
function compare(spec: TableSpec, metadata: TableMetadata): readonly Column[] {
  const schema = metadata.schema;
  const fields: readonly TableField[] =
    typeof schema === 'object' && 'fields' in schema && Array.isArray(schema.fields) ? schema.fields : [];
  const fieldsByName = new Map(fields.map((field) => [field.name, field]));
  const problems: string[] = [];
  for (const column of spec.columns) {
    const field = fieldsByName.get(column.name);
    if (field === undefined) continue;
    const type = TYPE_NAMES[field.type ?? ''] ?? field.type;
    if (type !== column.type) problems.push(`${column.name} is ${type ?? 'untyped'} instead of ${column.type}`);
    const mode = field.mode ?? 'NULLABLE';
    const looser = mode === 'NULLABLE' && column.mode === 'REQUIRED';
    if (mode !== column.mode && !looser) problems.push(`${column.name} is ${mode} instead of ${column.mode}`);
  }
  const known = new Set(spec.columns.map(({ name }) => name));
  for (const { name = '', mode, defaultValueExpression } of fields) {
    if (known.has(name) || mode !== 'REQUIRED' || (defaultValueExpression ?? '') !== '') continue;
    problems.push(
      `${name} is not in the contract and REQUIRED without a default: make it NULLABLE or give it a default`,
    );
  }
  const { type, field } = metadata.timePartitioning ?? {};
  if (type !== 'DAY' || field !== spec.partitionField) {
    const found = type === undefined ? 'not partitioned' : `partitioned by ${type} on ${field ?? 'the ingestion time'}`;
    problems.push(`${found} instead of by DAY on ${spec.partitionField}`);
  }
  const clustering = metadata.clustering?.fields ?? [];
  if (clustering.join() !== spec.clustering.join()) {
    problems.push(
      `clustered by ${clustering.join(', ') || 'nothing'} instead of ${spec.clustering.join(', ') || 'nothing'}`,
    );
  }
  if (problems.length > 0) throw new TableMismatchError(spec.table, problems);
  return spec.columns.filter(({ name }) => !fieldsByName.has(name));
}

function ignore(code: number): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof Error && 'code' in error && Number(error.code) === code)) throw error;
  };
}
