import { escaped } from '@orderstream/terminal';

const MAX_CELL_CHARACTERS = 72;

/** Rows as a table of text: a header, a rule and one line per row; numbers are aligned to the right. */
export function formatTable(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const first = rows[0];
  if (first === undefined) return '(no rows)';
  const columns = Object.keys(first);
  const header = columns.map(cellText);
  const cells = rows.map((row) => columns.map((column) => cellText(row[column])));
  const widths = header.map((name, at) => Math.max(name.length, ...cells.map((line) => line[at]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.every((row) => row[column] === null || isNumeric(row[column])));
  const pad = (text: string, at: number): string =>
    isNumber[at] === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0);
  const format = (line: readonly string[]): string => line.map(pad).join('  ').trimEnd();
  return [format(header), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(format)].join('\n');
}

/** The value as one line of text that is safe on a terminal, cut to the width of a cell. */
export function cellText(value: unknown): string {
  const plain = escaped(plainText(value));
  if (plain.length <= MAX_CELL_CHARACTERS) return plain;
  // A pair of surrogates at the cut is left out whole.
  return `${plain.slice(0, MAX_CELL_CHARACTERS - 1).replace(/[\ud800-\udbff]$/, '')}…`;
}

/** The BigQuery client returns times and, with `wrapIntegers`, INT64 as `{ value }`, and NUMERIC as a big number. */
function plainText(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value;
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value);
    case 'object':
      if (value === null) return '';
      if (Buffer.isBuffer(value)) return value.toString('utf8');
      // First: a wrapped integer is a Number, too, and would be rounded.
      if (isWrapped(value)) return plainText(value.value);
      return isBigNumber(value) ? value.toFixed() : jsonText(value);
    default:
      return '';
  }
}

/** Arrays and structs as JSON, with the digits of each number as BigQuery returned them. */
function jsonText(value: unknown): string {
  if (typeof value !== 'object' || value === null) return value === undefined ? 'null' : JSON.stringify(value);
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString('base64'));
  if (isNumeric(value)) return plainText(value);
  if (isWrapped(value)) return JSON.stringify(value.value);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  return `{${Object.entries(value)
    .map(([name, field]) => `${JSON.stringify(name)}:${jsonText(field)}`)
    .join(',')}}`;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || isBigNumber(value) || (isWrapped(value) && value.type === 'BigQueryInt');
}

function isWrapped(value: unknown): value is { readonly value: unknown; readonly type?: unknown } {
  const isObject = typeof value === 'object' && value !== null;
  return isObject && 'value' in value && Object.getPrototypeOf(value) !== Object.prototype;
}

function isBigNumber(value: unknown): value is { toFixed(): string } {
  return typeof value === 'object' && value !== null && 'toFixed' in value && typeof value.toFixed === 'function';
}
