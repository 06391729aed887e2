import { escaped } from '@orderstream/terminal';
import { type Colour, type Colours } from './colours';
import { displayWidth, fitted } from './display-width';

export interface Column<T> {
  readonly title: string;
  readonly value: (row: T) => string | number | null | undefined;
  readonly align?: 'right';
  /** On a terminal that is too narrow, only such columns are cut, the widest first. */
  readonly flexible?: boolean;
  /** Left out on a terminal that is so narrow that the flexible columns could not be read, the last one first. */
  readonly optional?: boolean;
  readonly colour?: (row: T) => Colour | undefined;
}

export interface TableOptions {
  /** Columns of the terminal; undefined: nothing is cut. */
  readonly width: number | undefined;
  readonly colours: Colours;
}

const GAP = '  ';
/** A flexible column is not cut below this. */
const MIN_WIDTH = 8;
/** While there are optional columns, they make room for this much of each flexible one. */
const READABLE_WIDTH = 24;

/** A table for people: aligned, every value one line, control characters as escapes, no wider than the terminal. */
export function renderTable<T>(all: readonly Column<T>[], rows: readonly T[], options: TableOptions): string {
  const measured = readable(
    all.map((column) => measure(column, rows)),
    options.width,
  );
  const columns = measured.map(({ column }) => column);
  const natural = measured.map(({ width }) => width);
  const cells = rows.map((_, row) => measured.map(({ texts }) => texts[row] ?? ''));
  const widths = shrunk(columns, natural, options.width);
  const lineOf = (line: readonly string[], paint: (text: string, at: number) => string): string =>
    line
      .map((text, at) => {
        const width = widths[at] ?? 0;
        const shown = fitted(text, width);
        const padding = ' '.repeat(Math.max(0, width - displayWidth(shown)));
        const painted = paint(shown, at);
        return columns[at]?.align === 'right' ? padding + painted : painted + padding;
      })
      .join(GAP)
      .trimEnd();
  const titles = columns.map(({ title }) => title);
  return [
    lineOf(titles, (text) => options.colours.paint(text, 'bold')),
    ...cells.map((line, index) =>
      lineOf(line, (text, at) => {
        const row = rows[index];
        return options.colours.paint(text, row === undefined ? undefined : columns[at]?.colour?.(row));
      }),
    ),
  ].join('\n');
}

/** Names and values, one line each; lines without a value are left out. */
export function renderFields(
  fields: readonly (readonly [name: string, value: string | number | null | undefined])[],
): string {
  const present = fields.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...present.map(([name]) => name.length));
  return present.map(([name, value]) => `${name.padEnd(width)}  ${escaped(String(value))}`).join('\n');
}

function cellText(value: string | number | null | undefined): string {
  if (typeof value === 'number') return formatCount(value);
  return escaped(value ?? '');
}

/** `12,345`, at most one decimal. */
export function formatCount(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 1 });
}

/** A column with its texts, one for each row, and the width of the widest. */
interface MeasuredColumn<T> {
  readonly column: Column<T>;
  readonly texts: readonly string[];
  readonly width: number;
}

function measure<T>(column: Column<T>, rows: readonly T[]): MeasuredColumn<T> {
  const texts = rows.map((row) => cellText(column.value(row)));
  const width = texts.reduce((widest, text) => Math.max(widest, displayWidth(text)), displayWidth(column.title));
  return { column, texts, width };
}

/** Without the optional columns for which there is no room. */
function readable<T>(columns: readonly MeasuredColumn<T>[], width: number | undefined): readonly MeasuredColumn<T>[] {
  const shown = [...columns];
  if (width === undefined) return shown;
  const needed = ({ column, width: natural }: MeasuredColumn<T>): number =>
    column.flexible === true ? Math.min(natural, READABLE_WIDTH) : natural;
  const isTooWide = (): boolean =>
    shown.reduce((sum, column) => sum + needed(column), GAP.length * (shown.length - 1)) > width;
  while (isTooWide()) {
    const last = shown.findLastIndex(({ column }) => column.optional === true);
    if (last < 0) break;
    shown.splice(last, 1);
  }
  return shown;
}

function shrunk<T>(
  columns: readonly Column<T>[],
  natural: readonly number[],
  width: number | undefined,
): readonly number[] {
  const widths = [...natural];
  if (width === undefined) return widths;
  let excess = widths.reduce((sum, one) => sum + one, 0) + GAP.length * (widths.length - 1) - width;
  while (excess > 0) {
    const cuttable = columns.flatMap(({ flexible }, at) =>
      flexible === true && (widths[at] ?? 0) > MIN_WIDTH ? [at] : [],
    );
    if (cuttable.length === 0) return widths;
    const widest = cuttable.reduce((best, at) => ((widths[at] ?? 0) > (widths[best] ?? 0) ? at : best));
    widths[widest] = (widths[widest] ?? 0) - 1;
    excess--;
  }
  return widths;
}
