import { gzipSync } from 'node:zlib';
import { BATCH_HEADER_BYTES, estimateRecordBytes } from '../codec/record-batch-encoder';
import { type OutputRecord } from '../record';

/** Lengths and marks around the parts of a record, and what gzip makes of another order of them; ample. */
const COMPRESSED_SLACK_BYTES = 1_024;

/**
 * Whether a topic that takes record batches of `maxBytes` can store the record: as it is, or compressed by itself with
 * gzip. Costs a compression when the record is larger.
 */
export const isStorable = (record: OutputRecord, maxBytes: number): boolean =>
  estimateRecordBytes(record) + BATCH_HEADER_BYTES <= maxBytes || compressedBytes(record) <= maxBytes;

/** Upper bound of the record batch that holds the record alone, compressed with gzip. */
export function compressedBytes({ key, value, headers }: OutputRecord): number {
  const parts: Buffer[] = [];
  const add = (part: Buffer | string | null | undefined): void => {
    if (part != null) parts.push(typeof part === 'string' ? Buffer.from(part) : part);
  };
  add(key);
  add(value);
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    for (const one of Array.isArray(value) ? value : [value]) {
      add(name);
      add(one);
    }
  }
  return BATCH_HEADER_BYTES + COMPRESSED_SLACK_BYTES + 10 * parts.length + gzipSync(Buffer.concat(parts)).length;
}
