import { isUtf8 } from 'node:buffer';
import { violated } from '../rules/constraint';
import { countNames, jsonDetails, type JsonScan, scanJson } from './json-scan';

export type Body = Readonly<Record<string, unknown>>;

/** A record's value as one JSON object that has one meaning for every reader. */
export interface ParsedBody {
  readonly body: Body;
  readonly text: string;
  /** Whether every number is written in digits alone. */
  readonly plainNumbers: boolean;
}

/** Whether no string contains a lone surrogate. Iterative, because the producer chooses the depth. */
function isWellFormed(root: unknown): boolean {
  const open: unknown[] = [root];
  for (let value = open.pop(); value !== undefined; value = open.pop()) {
    if (typeof value === 'string') {
      if (!value.isWellFormed()) return false;
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (!name.isWellFormed()) return false;
        if (inner !== null) open.push(inner);
      }
    }
  }
  return true;
}

/** Whether a name stands twice in an object: JSON.parse retains the last of the values. */
function repeatsName(body: Body, text: string, { names, nested, escapedNames }: JsonScan): boolean {
  // V8 takes "\u0061" for "\\" in an object whose predecessor of equal names had "\\" in this place (Node 24.21). Such a
  // body breaks its contract in any case, but its names cannot be counted.
  if (escapedNames) return jsonDetails(text).repeatedName !== undefined;
  return names !== (nested ? countNames(body) : Object.keys(body).length);
}

const OBJECT = 'one JSON object';

/** Parses a record's value. Returns the constraint that the bytes violate if they are not one JSON object. */
export function parseBody(value: Buffer | null): ParsedBody | string {
  if (value === null) return violated('required', OBJECT, 'no value');
  if (!isUtf8(value)) return violated('isUtf8', 'UTF-8', 'other bytes');
  const text = value.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return violated('isJson', OBJECT, `${String(value.length)} bytes of other text`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    return violated(
      'isObject',
      OBJECT,
      parsed === null ? 'null' : Array.isArray(parsed) ? 'an array' : `a ${typeof parsed}`,
    );
  }
  const body = parsed as Body;
  const scan = scanJson(value);
  if (repeatsName(body, text, scan)) {
    const { repeatedName } = jsonDetails(text);
    return violated('isUniqueName', 'each name once in an object', `${JSON.stringify(repeatedName ?? 'a name')} again`);
  }
  // Only an escape can put a lone surrogate into valid UTF-8.
  if (scan.escapes && !isWellFormed(body))
    return violated('isWellFormed', 'Unicode without lone surrogates', 'a lone surrogate');
  return { body, text, plainNumbers: scan.plainNumbers };
}
