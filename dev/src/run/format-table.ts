const MAX_CELL_CHARACTERS = 72;

/** Rows as a table of text: a header, a rule and one line per row; numbers are aligned to the right. */
export function formatTable(rows: readonly Readonly<Record<string, unknown>>[]): string {
  const first = rows[0];
  if (first === undefined) return '(no rows)';
  const columns = Object.keys(first);
  const cells = rows.map((row) => columns.map((column) => cellText(row[column])));
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((line) => line[at]?.length ?? 0)));
  const isNumber = columns.map((column) => rows.every((row) => row[column] === null || isNumeric(row[column])));
  const pad = (text: string, at: number): string =>
    isNumber[at] === true ? text.padStart(widths[at] ?? 0) : text.padEnd(widths[at] ?? 0);
  const format = (line: readonly string[]): string => line.map(pad).join('  ').trimEnd();
  return [format(columns), widths.map((width) => '-'.repeat(width)).join('  '), ...cells.map(format)].join('\n');
}

/**
 * The value as text without control characters: records are untrusted input, and control characters can control a
 * terminal.
 */
export function cellText(value: unknown): string {
  const plain = plainText(value).replace(/\p{Cc}+/gu, ' ');
  return plain.length > MAX_CELL_CHARACTERS ? `${plain.slice(0, MAX_CELL_CHARACTERS - 1)}…` : plain;
}

/** The BigQuery client returns times as `{ value }` and NUMERIC as a big number. */
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
      if (isBigNumber(value)) return value.toFixed();
      return 'value' in value ? plainText(value.value) : JSON.stringify(value);
    default:
      return '';
  }
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || isBigNumber(value);
}

function isBigNumber(value: unknown): value is { toFixed(): string } {
  return typeof value === 'object' && value !== null && 'toFixed' in value;
}
