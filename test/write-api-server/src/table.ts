import { protos } from '@google-cloud/bigquery-storage';
import type { Column } from '@orderstream/contracts';

import type { Row, Value, ScalarType, WriterField } from './row-decoder';

const { TableFieldSchema } = protos.google.cloud.bigquery.storage.v1;

export interface TableColumn extends Pick<Column, 'name' | 'type' | 'mode'> {
  /** The default value. */
  readonly defaultValue?: Value;
}

/** The types that a column accepts ("Storage Write API: Data type conversions"). */
const ACCEPTED_TYPES = {
  STRING: ['string'],
  NUMERIC: ['string', 'int', 'double', 'bytes'],
  INT64: ['int'],
  TIMESTAMP: ['int', 'string'],
  BOOL: ['bool', 'int'],
  BYTES: ['bytes'],
} as const satisfies Record<TableColumn['type'], readonly ScalarType[]>;

/** NUMERIC has 38 digits, 9 of them after the decimal point ("Data types: Decimal types"). */
const NUMERIC = /^[+-]?(\d{1,29}(\.\d{0,9})?|\.\d{1,9})$/;
/** The range of TIMESTAMP is the years 1 to 9999, in microseconds ("Data types: Timestamp type"). */
const EARLIEST_MICROS = -62_135_596_800_000_000n;
const LATEST_MICROS = 253_402_300_799_999_999n;

/** A table with its columns and rows. A new column is in the schema at once; rows may use it after it is propagated. */
export class Table {
  /** Increases with every change of the columns that rows may use. */
  version = 0;
  readonly rows: Row[] = [];
  /** Columns that rows may use. */
  private columns = new Map<string, TableColumn>();
  private readonly all = new Map<string, TableColumn>();

  constructor(
    /** `projects/…/datasets/…/tables/…` */
    readonly path: string,
    columns: readonly TableColumn[],
  ) {
    this.addColumns(columns);
    this.propagate();
  }

  /** Adds columns to the schema. */
  addColumns(columns: readonly TableColumn[]): void {
    for (const column of columns) this.all.set(column.name.toLowerCase(), column);
  }

  /** Allows rows to use all columns of the schema. */
  propagate(): void {
    this.columns = new Map(this.all);
    this.version++;
  }

  get schema(): protos.google.cloud.bigquery.storage.v1.ITableSchema {
    const fields = [...this.all.values()].map(({ name, type, mode }) => ({
      name,
      type: TableFieldSchema.Type[type],
      mode: TableFieldSchema.Mode[mode],
    }));
    return { fields };
  }

  /** The row, with the default values of the columns that it lacks. */
  withDefaults(row: Row): Row {
    const filled = { ...row };
    for (const { name, defaultValue } of this.columns.values()) {
      if (defaultValue !== undefined) filled[name] ??= defaultValue;
    }
    return filled;
  }

  /** Names of the fields without a column. */
  extraFields(fields: readonly WriterField[]): string[] {
    return fields.map(({ name }) => name).filter((name) => !this.columns.has(name.toLowerCase()));
  }

  /** Names of the fields with a type that their column does not accept. */
  mistypedFields(fields: readonly WriterField[]): string[] {
    return fields
      .filter(({ name, type, repeated }) => {
        const column = this.columns.get(name.toLowerCase());
        if (column === undefined) return false;
        const types: readonly ScalarType[] = ACCEPTED_TYPES[column.type];
        return !types.includes(type) || repeated !== (column.mode === 'REPEATED');
      })
      .map(({ name }) => name);
  }

  /** Why the table rejects a row whose fields have the right types, or undefined. */
  rejection(row: Row): string | undefined {
    const values = new Map(Object.entries(row).map(([name, value]) => [name.toLowerCase(), value]));
    for (const [name, { type, mode }] of this.columns) {
      const value = values.get(name);
      if (value === undefined) {
        if (mode === 'REQUIRED') return `Field ${name}: required field is missing`;
        continue;
      }
      const each: readonly Value[] = typeof value === 'object' && !Buffer.isBuffer(value) ? value : [value];
      if (!each.every((one) => isInRange(type, one))) return `Field ${name}: value is not a ${type}`;
    }
    return undefined;
  }
}

function isInRange(type: TableColumn['type'], value: Value): boolean {
  if (type === 'NUMERIC') return typeof value !== 'string' || NUMERIC.test(value.trim());
  if (type !== 'TIMESTAMP') return true;
  if (typeof value === 'string') return !Number.isNaN(Date.parse(value));
  const micros = typeof value === 'number' || typeof value === 'bigint' ? BigInt(value) : undefined;
  return micros !== undefined && micros >= EARLIEST_MICROS && micros <= LATEST_MICROS;
}
