import { crc32 } from 'node:zlib';
import {
  type Column,
  FAMILIES,
  type Family,
  METADATA_COLUMNS,
  tableForFamily,
  timestampMicros,
} from '@orderstream/contracts';

/**
 * A checksum of each column that an event has, in the order of `eventColumns`: four characters each, so that hundreds of
 * thousands of rows fit in memory. Empty if the body is no object.
 */
export type RowContent = string;

const METADATA = new Set(METADATA_COLUMNS.map(({ name }) => name));
const COLUMNS = new Map(
  FAMILIES.map((family) => [family, tableForFamily(family).columns.filter(({ name }) => !METADATA.has(name))]),
);

/** The columns of a family's table that hold the fields of its events. `streaming_orders` has those of orders too. */
export const eventColumns = (family: Family): readonly Column[] => COLUMNS.get(family) ?? [];

/** What the row of an event must hold. */
export function contentOfBody(family: Family, value: Buffer | null): RowContent {
  const body: unknown = value === null ? undefined : JSON.parse(value.toString('utf8'));
  return typeof body === 'object' && body !== null ? contentOf(family, body as Record<string, unknown>) : '';
}

/** What a row holds, as the BigQuery client returns it. */
export const contentOfRow = (family: Family, row: Readonly<Record<string, unknown>>): RowContent =>
  contentOf(family, row);

/** Names of the columns whose values differ. */
export function differingColumns(family: Family, wanted: RowContent, found: RowContent): string[] {
  if (wanted === found && wanted !== '') return [];
  const partOf = (content: RowContent, column: number): string => content.slice(4 * column, 4 * column + 4);
  return eventColumns(family)
    .filter((_, column) => partOf(wanted, column) !== partOf(found, column) || wanted === '')
    .map(({ name }) => name);
}

function contentOf(family: Family, fields: Readonly<Record<string, unknown>>): RowContent {
  const columns = eventColumns(family);
  const bytes = Buffer.allocUnsafe(4 * columns.length);
  for (const [index, { name, type }] of columns.entries()) {
    bytes.writeUInt32LE(crc32(canonical(type, fields[name])), 4 * index);
  }
  return bytes.toString('latin1');
}

const NULL = '\u0000';
const FRACTION = /(?<=\.\d{6})\d+/;
const TRAILING_ZEROS = /\.?0+$/;

/** Equal for a value of an event and the same value of a row. */
function canonical(type: Column['type'], value: unknown): string {
  if (value === null || value === undefined) return NULL;
  // The client has objects for times and decimals.
  const plain = typeof value === 'object' && 'value' in value ? value.value : value;
  const text = String(plain);
  if (type === 'TIMESTAMP') return timestampMicros(text.replace(FRACTION, '')).toString();
  if (type === 'NUMERIC') return text.includes('.') ? text.replace(TRAILING_ZEROS, '') : text;
  return text;
}
