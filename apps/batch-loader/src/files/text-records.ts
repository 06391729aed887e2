/** Longest record of a text file, in characters. */
const MAX_RECORD_LENGTH = 1_048_576;
const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;

/** A record of a text file: a row of CSV, or a line. */
export interface TextRecord {
  /** The line at which it begins, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
  /** Why it has no fields: it is not as CSV must be, or too long. */
  readonly problem?: string;
}

interface Parsed {
  readonly end: number;
  readonly fields: readonly string[];
  readonly problem?: string;
}

/** A record that begins at `from`; undefined: the text ends within it. */
type Parse = (text: string, from: number, isLast: boolean) => Parsed | undefined;

/**
 * The rows of CSV (RFC 4180, with any of the three line ends), in groups. Blank lines are left out. A line whose quotes are
 * wrong is one record with a problem, and the next line begins a new one: so a quote that is not closed costs one row.
 */
export const csvRecords = (chunks: AsyncIterable<string>, delimiter: string): AsyncGenerator<readonly TextRecord[]> =>
  records(
    chunks,
    (text, from, isLast) => parseRow(text, from, isLast, delimiter),
    `longer than ${MAX_RECORD_LENGTH} characters, or a quote is not closed`,
  );

/** The lines, in groups, each as a record with one field. Blank lines are left out. */
export const textLines = (chunks: AsyncIterable<string>): AsyncGenerator<readonly TextRecord[]> =>
  records(
    chunks,
    (text, from, isLast) => {
      const end = lineEnd(text, from, isLast);
      return end === undefined ? undefined : { end: end.next, fields: [text.slice(from, end.at)] };
    },
    `longer than ${MAX_RECORD_LENGTH} characters`,
  );

async function* records(
  chunks: AsyncIterable<string>,
  parse: Parse,
  tooLong: string,
): AsyncGenerator<readonly TextRecord[]> {
  const reader = new RecordReader(parse, tooLong);
  for await (const chunk of chunks) yield reader.read(chunk, false);
  yield reader.read('', true);
}

/** Keeps the text of the record that has not ended yet. */
class RecordReader {
  private text = '';
  private line = 1;
  /** Within a line that is too long. */
  private isSkipping = false;

  constructor(
    private readonly parse: Parse,
    private readonly tooLong: string,
  ) {}

  read(chunk: string, isLast: boolean): TextRecord[] {
    const text = this.text + chunk;
    const found: TextRecord[] = [];
    let at = 0;
    while (at < text.length) {
      const record = this.isSkipping
        ? { end: this.skipLine(text, at, isLast), fields: [] }
        : this.record(text, at, isLast);
      if (record === undefined || record.end === at) break;
      const { end, ...content } = record;
      if (!isBlank(content)) found.push({ line: this.line, ...content });
      this.line += linesIn(text, at, end);
      at = end;
    }
    this.text = text.slice(at);
    return found;
  }

  private record(text: string, from: number, isLast: boolean): Parsed | undefined {
    const parsed = this.parse(text, from, isLast);
    const isLong = (parsed?.end ?? text.length) - from > MAX_RECORD_LENGTH;
    if (parsed === undefined && !isLong) return undefined;
    if (parsed !== undefined && parsed.problem === undefined && !isLong) return parsed;
    const problem = parsed?.problem ?? this.tooLong;
    return { end: this.skipLine(text, from, isLast), fields: [], problem };
  }

  /** The end of the line, or of what there is of it: then the next text begins within it. */
  private skipLine(text: string, from: number, isLast: boolean): number {
    const end = lineEnd(text, from, isLast);
    this.isSkipping = end === undefined;
    return end?.next ?? (text.endsWith('\r') ? text.length - 1 : text.length);
  }
}

const isBlank = ({ fields, problem }: Omit<Parsed, 'end'>): boolean =>
  problem === undefined && fields.length <= 1 && (fields[0] ?? '').trim() === '';

function parseRow(text: string, from: number, isLast: boolean, delimiter: string): Parsed | undefined {
  const separator = delimiter.charCodeAt(0);
  const fields: string[] = [];
  for (let at = from; ; at++) {
    if (text.charCodeAt(at) === QUOTE) {
      const close = closingQuote(text, at, isLast);
      if (close === undefined) return undefined;
      const column = fields.length + 1;
      if (close === -1) return { end: at, fields: [], problem: `the quote of field ${column} is not closed` };
      fields.push(text.slice(at + 1, close).replaceAll('""', '"'));
      at = close + 1;
      const next = text.charCodeAt(at);
      if (next !== separator && next !== LF && next !== CR && at < text.length)
        return { end: at, fields: [], problem: `text follows the closing quote of field ${column}` };
    } else {
      const begin = at;
      for (let code = text.charCodeAt(at); code !== separator && code !== LF && code !== CR;) {
        if (at >= text.length) break;
        code = text.charCodeAt(++at);
      }
      fields.push(text.slice(begin, at));
    }
    if (text.charCodeAt(at) === separator) continue;
    if (at >= text.length) return isLast ? { end: at, fields } : undefined;
    const end = lineEnd(text, at, isLast);
    return end === undefined ? undefined : { end: end.next, fields };
  }
}

/** Place of the quote that closes the one at `open`; -1: there is none; undefined: it may come. */
function closingQuote(text: string, open: number, isLast: boolean): number | undefined {
  for (let at = open + 1; ; at += 2) {
    at = text.indexOf('"', at);
    if (at === -1) return isLast ? -1 : undefined;
    if (at + 1 === text.length && !isLast) return undefined;
    if (text.charCodeAt(at + 1) !== QUOTE) return at;
  }
}

const LINE_END = /\r\n?|\n/g;

/** The end of the line, and the begin of the next one; undefined: the text ends before. */
function lineEnd(text: string, from: number, isLast: boolean): { at: number; next: number } | undefined {
  LINE_END.lastIndex = from;
  const found = LINE_END.exec(text);
  const isComplete = found !== null && (isLast || found[0] !== '\r' || found.index + 1 < text.length);
  if (isComplete) return { at: found.index, next: LINE_END.lastIndex };
  return isLast ? { at: text.length, next: text.length } : undefined;
}

function linesIn(text: string, from: number, to: number): number {
  LINE_END.lastIndex = from;
  let lines = 0;
  for (let found = LINE_END.exec(text); found !== null && found.index < to; found = LINE_END.exec(text)) lines++;
  return lines;
}
