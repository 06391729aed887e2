import { isUtf8 } from 'node:buffer';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';

export type Body = Readonly<Record<string, unknown>>;

/** The escape of one half of a surrogate pair. Only a text that contains one can hold a lone surrogate. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/;

/** Key, value and headers in bytes. */
function sizeOf(record: RawRecord): number {
  let bytes = (record.value?.length ?? 0) + (record.key?.length ?? 0);
  const { headers } = record;
  for (const name in headers) {
    const value = headers[name];
    bytes += name.length;
    if (value === undefined || value === null) continue;
    if (Array.isArray(value)) for (const item of value) bytes += item.length;
    else bytes += value.length;
  }
  return bytes;
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

/** Parses a record's value. Returns undefined if a rule fires. Checks the size before it parses. */
export function parseBody(record: RawRecord, maxRecordBytes: number, findings: Findings): Body | undefined {
  const { value } = record;
  if (sizeOf(record) > maxRecordBytes) {
    const path = value !== null && value.length > maxRecordBytes ? 'value' : 'headers';
    findings.fire('structure.too_large', path, 'maxBytes');
    return undefined;
  }
  const body = parseObject(value);
  if (typeof body !== 'string') return body;
  findings.fire('structure.malformed_json', 'value', body);
  return undefined;
}

/** The object, or the name of the constraint that the bytes violate. */
function parseObject(value: Buffer | null): Body | string {
  if (value === null) return 'required';
  if (!isUtf8(value)) return 'isUtf8';
  const text = value.toString('utf8');
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return 'isJson';
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return 'isObject';
  if (SURROGATE_ESCAPE.test(text) && !isWellFormed(parsed)) return 'isWellFormed';
  return parsed as Body;
}
