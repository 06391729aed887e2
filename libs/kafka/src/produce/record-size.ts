import { gzipSync } from 'node:zlib';
import { BATCH_HEADER_BYTES, estimateRecordBytes } from '../codec/record-batch-encoder';
import { headerFields } from '../headers';
import { type OutputRecord } from '../record';

/** Room for the lengths in a record, and for gzip's result on another order of its fields. A generous estimate. */
const COMPRESSED_SLACK_BYTES = 1_024;

/**
 * Whether a topic that takes record batches of `maxBytes` can store the record, uncompressed or alone with gzip.
 * Compresses the record if it is larger.
 */
export const isStorable = (record: OutputRecord, maxBytes: number): boolean =>
  estimateRecordBytes(record) + BATCH_HEADER_BYTES <= maxBytes || compressedBytes(record) <= maxBytes;

/** Upper bound in bytes of the record batch that holds only this record, compressed with gzip. */
export function compressedBytes({ key, value, headers }: OutputRecord): number {
  const fields: Buffer[] = [];
  const add = (field: Buffer | string | null | undefined): void => {
    if (field != null) fields.push(typeof field === 'string' ? Buffer.from(field) : field);
  };
  add(key);
  add(value);
  for (const [name, value] of headerFields(headers)) {
    add(name);
    add(value);
  }
  return BATCH_HEADER_BYTES + COMPRESSED_SLACK_BYTES + 10 * fields.length + gzipSync(Buffer.concat(fields)).length;
}
