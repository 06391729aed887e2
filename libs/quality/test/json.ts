import * as fc from 'fast-check';

/** What a body is: the constraint it violates, or how its numbers are written. */
type Kind = 'isUtf8' | 'isJson' | 'isObject' | 'isWellFormed' | 'isUniqueName' | 'plain' | 'odd';

class SyntaxProblem extends Error {}

/** An independent parser by the grammar of RFC 8259, which notes what JSON.parse hides. */
class ReferenceParser {
  repeated = false;
  odd = false;
  lone = false;
  private at = 0;

  constructor(private readonly text: string) {}

  parse(): 'object' | 'other' {
    this.space();
    const kind = this.text[this.at] === '{' ? 'object' : 'other';
    this.value();
    this.space();
    if (this.at < this.text.length) throw new SyntaxProblem('there is more');
    return kind;
  }

  private space(): void {
    while (' \t\n\r'.includes(this.text[this.at] ?? 'x')) this.at++;
  }

  private expect(token: string): void {
    if (!this.text.startsWith(token, this.at)) throw new SyntaxProblem(`${token} is missing`);
    this.at += token.length;
  }

  private value(): void {
    this.space();
    const first = this.text[this.at];
    if (first === '{') this.list('{', '}', new Set());
    else if (first === '[') this.list('[', ']', undefined);
    else if (first === '"') this.string();
    else if (first === 't') this.expect('true');
    else if (first === 'f') this.expect('false');
    else if (first === 'n') this.expect('null');
    else this.number();
    this.space();
  }

  private list(open: string, close: string, names: Set<string> | undefined): void {
    this.expect(open);
    this.space();
    if (this.text[this.at] === close) {
      this.at++;
      return;
    }
    for (;;) {
      this.space();
      if (names !== undefined) {
        const name = this.string();
        if (names.has(name)) this.repeated = true;
        names.add(name);
        this.space();
        this.expect(':');
      }
      this.value();
      if (this.text[this.at] === close) break;
      this.expect(',');
    }
    this.at++;
  }

  private string(): string {
    this.expect('"');
    let value = '';
    for (let character = this.text[this.at++]; character !== '"'; character = this.text[this.at++]) {
      if (character === undefined || character < ' ') throw new SyntaxProblem('a string does not end');
      if (character !== '\\') {
        value += character;
        continue;
      }
      const escape = this.text[this.at++] ?? '';
      const plain = '"\\/bfnrt'.indexOf(escape);
      if (plain >= 0 && escape !== '') value += '"\\/\b\f\n\r\t'[plain] ?? '';
      else {
        const digits = this.text.slice(this.at, this.at + 4);
        if (escape !== 'u' || !/^[0-9a-f]{4}$/i.test(digits)) throw new SyntaxProblem('not an escape');
        value += String.fromCharCode(parseInt(digits, 16));
        this.at += 4;
      }
    }
    for (const point of value) {
      const code = point.codePointAt(0) ?? 0;
      if (code >= 0xd800 && code <= 0xdfff) this.lone = true;
    }
    return value;
  }

  private number(): void {
    const [found] = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/.exec(this.text.slice(this.at)) ?? [];
    if (found === undefined) throw new SyntaxProblem('not a value');
    if (found === '-0' || String(BigInt(/^-?\d+/.exec(found)?.[0] ?? 0)) !== found) this.odd = true;
    this.at += found.length;
  }
}

/** What the structure rules must find in this text. */
export function referenceParse(text: string): Kind {
  if (!text.isWellFormed()) text = text.toWellFormed();
  const parser = new ReferenceParser(text);
  try {
    if (parser.parse() === 'other') return 'isObject';
  } catch (error) {
    if (error instanceof SyntaxProblem) return 'isJson';
    throw error;
  }
  if (parser.repeated) return 'isUniqueName';
  if (parser.lone) return 'isWellFormed';
  return parser.odd ? 'odd' : 'plain';
}

const space = fc.constantFrom('', '', '', ' ', '\n', '\t \r');
const escaped = fc
  .string({ maxLength: 3 })
  .map((text) =>
    text === ''
      ? '"a"'
      : `"${Array.from({ length: text.length }, (_, index) => `\\u${text.charCodeAt(index).toString(16).padStart(4, '0')}`).join('')}"`,
  );
const name = fc.oneof(
  fc.constantFrom('"a"', '"b"', '"\\u0061"', '"c\\"d"', '"__proto__"', '":"', '"1"', '"\\\\"'),
  fc.string({ maxLength: 3 }).map((text) => JSON.stringify(text)),
);
const number = fc.oneof(
  fc.constantFrom('0', '-0', '2e0', '2E+1', '2.0', '-1', '10', '0.5', '-0.5', '2.0000000000000000001', '1e-7'),
  fc.integer().map(String),
);

/** The text of a JSON value: names repeat, are escaped or of any characters, and numbers are written in any way. */
export const jsonText: fc.Arbitrary<string> = fc.letrec<{ value: string; object: string; array: string }>((tie) => ({
  object: fc
    .array(fc.tuple(space, name, space, tie('value'), space), { maxLength: 4 })
    .map((members) => `{${members.map(([a, key, b, value, c]) => `${a}${key}${b}:${value}${c}`).join(',')}}`),
  array: fc
    .array(fc.tuple(space, tie('value')), { maxLength: 3 })
    .map((items) => `[${items.map(([a, value]) => a + value).join(',')}]`),
  value: fc.oneof(
    { maxDepth: 4 },
    number,
    name,
    escaped,
    fc.constantFrom('true', 'false', 'null', '"\\ud83d"', '"\\ud83d\\ude00"', '"e1 : { [ -0 2.0"'),
    tie('object'),
    tie('array'),
  ),
})).object;

/** Replaces a piece of a text. */
export const damagedText = ([text, at, piece]: [string, number, string]): string => {
  const from = at % (text.length + 1);
  return text.slice(0, from) + piece + text.slice(from + piece.length);
};
