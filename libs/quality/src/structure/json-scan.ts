const QUOTE = 0x22;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const UPPER_E = 0x45;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const LOWER_E = 0x65;
const OPEN_BRACE = 0x7b;

/** What JSON.parse hides of the bytes that it has parsed. */
export interface JsonScan {
  /** Names in all objects, a name that stands twice counted twice. */
  readonly names: number;
  /** Whether an object or array contains another one. */
  readonly nested: boolean;
  /** Whether a string has an escape. */
  readonly escapes: boolean;
  /** Whether a name has an escape. */
  readonly escapedNames: boolean;
  /** Whether every number is written in digits alone, with a sign if it is below 0. */
  readonly plainNumbers: boolean;
}

/**
 * Scans JSON that JSON.parse accepts. Terminates on any bytes; what it returns for others has no meaning.
 *
 * Hot: runs once per record, over every byte: 0.6 µs for an order.placed of 680 bytes, where JSON.parse takes 0.9 µs. All
 * rules and the state together took 11.5 µs of CPU for such a record without it and the other checks of this folder that
 * came with it, and take 12.3 µs: 3 % of the 25 µs and more that the whole validator takes.
 */
export function scanJson(bytes: Uint8Array): JsonScan {
  const { length } = bytes;
  let names = 0;
  let containers = 0;
  let escapes = false;
  let escapedNames = false;
  let lastIsEscaped = false;
  let plainNumbers = true;
  for (let at = 0; at < length; at++) {
    const byte = bytes[at];
    if (byte === QUOTE) {
      lastIsEscaped = false;
      for (at++; at < length; at++) {
        const inner = bytes[at];
        if (inner === QUOTE) break;
        if (inner === BACKSLASH) {
          lastIsEscaped = true;
          at++;
        }
      }
      if (lastIsEscaped) escapes = true;
    } else if (byte === COLON) {
      names++;
      if (lastIsEscaped) escapedNames = true;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      containers++;
    } else if (byte === DOT || byte === UPPER_E) {
      plainNumbers = false;
    } else if (byte === LOWER_E) {
      // Also the last letter of `true` and `false`.
      const before = bytes[at - 1] ?? 0;
      if (before >= ZERO && before <= NINE) plainNumbers = false;
    } else if (byte === MINUS && bytes[at + 1] === ZERO) {
      plainNumbers = false;
    }
  }
  return { names, nested: containers > 1, escapes, escapedNames, plainNumbers };
}

/** Names in all objects of a parsed value. Iterative, because the producer chooses the depth. */
export function countNames(root: object): number {
  let count = 0;
  const open: object[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    const isArray = Array.isArray(value);
    for (const inner of Object.values(value) as unknown[]) {
      if (!isArray) count++;
      if (typeof inner === 'object' && inner !== null) open.push(inner);
    }
  }
  return count;
}

/** Objects deeper than this are not searched for the name that stands twice. */
const MAX_NAMED_DEPTH = 100;

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?[0-9][0-9.eE+-]*/y;

/** The end of a match of a sticky pattern at this place; the place itself if there is none. */
function endOf(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.test(text) ? pattern.lastIndex : from;
}

/** What a record's reasons quote of its JSON. */
export interface JsonDetails {
  /** The first name that stands twice in an object. */
  readonly repeatedName: string | undefined;
  /** The text of each number in the outermost object, by name. */
  readonly numbers: ReadonlyMap<string, string>;
}

/** Reads the details of JSON that JSON.parse accepts. Slow: for rejected records only. */
export function jsonDetails(text: string): JsonDetails {
  const numbers = new Map<string, string>();
  /** The names of each open object; undefined for an array. */
  const open: (Set<string> | undefined)[] = [];
  let depth = 0;
  let repeatedName: string | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === '{' || character === '[') {
      depth++;
      if (depth <= MAX_NAMED_DEPTH) open[depth] = character === '{' ? new Set() : undefined;
    } else if (character === '}' || character === ']') {
      depth--;
    } else if (character === '"') {
      const start = at;
      for (at++; at < text.length && text[at] !== '"'; at++) if (text[at] === '\\') at++;
      const colon = endOf(SPACE, text, at + 1);
      // A string before a colon is a name.
      if (text[colon] !== ':') continue;
      const name = String(JSON.parse(text.slice(start, at + 1)));
      const names = open[depth];
      if (names?.has(name) === true) repeatedName ??= name;
      names?.add(name);
      at = endOf(SPACE, text, colon + 1) - 1;
      const end = endOf(NUMBER, text, at + 1);
      if (depth === 1 && end > at + 1) numbers.set(name, text.slice(at + 1, end));
    }
  }
  return { repeatedName, numbers };
}
