import { HEADER_OVERHEAD_BYTES, MAX_HEADERS_BYTES } from '@orderstream/contracts';
import { violated } from '../rules/constraint';
import type { Findings } from '../rules/findings';
import type { RawRecord } from '../verdict';

const lengthOf = (value: Buffer | string | null | undefined): number =>
  value === null || value === undefined ? 0 : typeof value === 'string' ? Buffer.byteLength(value) : value.length;

/** A character is at most 3 bytes of UTF-8. */
const MAX_CHARACTER_BYTES = 3;

/** An upper bound of the headers' bytes, from the lengths of their names. */
function headerBytesAtMost(headers: RawRecord['headers']): number {
  let bytes = 0;
  for (const name in headers) {
    const value = headers[name];
    const overhead = MAX_CHARACTER_BYTES * name.length + HEADER_OVERHEAD_BYTES;
    if (Array.isArray(value)) for (const item of value) bytes += overhead + lengthOf(item);
    else bytes += overhead + lengthOf(value);
  }
  return bytes;
}

/** Checks the sizes of a record, before anything else reads it. */
export function checkSize(record: RawRecord, maxRecordBytes: number, findings: Findings): void {
  const atMost = headerBytesAtMost(record.headers);
  const bodyBytes = lengthOf(record.key) + lengthOf(record.value);
  if (atMost > MAX_HEADERS_BYTES || bodyBytes + atMost > maxRecordBytes) measure(record, maxRecordBytes, findings);
}

function measure(record: RawRecord, maxRecordBytes: number, findings: Findings): void {
  const { headers } = record;
  let count = 0;
  let headerBytes = 0;
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    const nameBytes = Buffer.byteLength(name);
    if (Array.isArray(value)) {
      for (const item of value) headerBytes += nameBytes + lengthOf(item);
      count += value.length;
    } else {
      headerBytes += nameBytes + lengthOf(value);
      count++;
    }
  }
  const keyBytes = lengthOf(record.key);
  const valueBytes = lengthOf(record.value);
  const bytes = keyBytes + valueBytes + headerBytes;
  if (bytes > maxRecordBytes) {
    const path = valueBytes > maxRecordBytes ? 'value' : 'record';
    findings.fire('structure.too_large', path, violated('maxBytes', `at most ${String(maxRecordBytes)} bytes`, bytes));
  }
  const counted = headerBytes + count * HEADER_OVERHEAD_BYTES;
  if (counted > MAX_HEADERS_BYTES) {
    const expected = `at most ${String(MAX_HEADERS_BYTES)} bytes`;
    findings.fire('structure.too_large', 'headers', violated('maxBytes', expected, counted));
  }
}
