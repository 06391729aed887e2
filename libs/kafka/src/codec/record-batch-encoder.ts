import { crc32c } from '@node-rs/crc32';
import { type EncodableRecord, RecordWriter } from './record-writer';

export { type EncodableRecord } from './record-writer';

export interface BatchIdentity {
  readonly producerId: bigint;
  readonly producerEpoch: number;
  readonly firstSequence: number;
  readonly transactional: boolean;
}

export interface BatchCompression {
  /** The codec: bits 0 to 2 of the attributes. */
  readonly attribute: number;
  compress(records: Buffer): Promise<Buffer>;
}

/** Size of a record batch without its records. */
export const BATCH_HEADER_BYTES = 61;
const CRC_OFFSET = 17;
const ATTRIBUTES_OFFSET = 21;
const TRANSACTIONAL = 0x10;

/** One for all batches: between two records nothing else runs. */
const writer = new RecordWriter();

/** Upper bound of the record's encoded size in bytes, without encoding it. */
export function estimateRecordBytes(record: EncodableRecord): number {
  let bytes = 31 + lengthOf(record.key) + lengthOf(record.value);
  const { headers } = record;
  for (const name in headers) {
    const value = headers[name];
    // A character is at most 3 bytes of UTF-8.
    const overhead = 10 + 3 * name.length;
    if (Array.isArray(value)) for (const one of value) bytes += overhead + lengthOf(one);
    else bytes += overhead + lengthOf(value);
  }
  return bytes;
}

const lengthOf = (value: Buffer | string | null | undefined): number =>
  value == null ? 0 : typeof value === 'string' ? Buffer.byteLength(value) : value.length;

/**
 * Encodes one record batch, magic 2 (Kafka protocol guide, "Record Batch"). The encoder of kafkajs allocates for each record
 * and header.
 *
 * @param nowMs timestamp of the records that have none
 */
export async function encodeRecordBatch(
  records: readonly EncodableRecord[],
  identity: BatchIdentity,
  nowMs: number,
  compression?: BatchCompression,
): Promise<Buffer> {
  const first = records[0];
  if (first === undefined) throw new RangeError('A record batch needs at least one record');
  const firstTimestamp = timestampOf(first, nowMs);
  let maxTimestamp = firstTimestamp;
  let offsetDelta = 0;
  writer.begin(BATCH_HEADER_BYTES);
  for (const record of records) {
    const timestamp = timestampOf(record, nowMs);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    writer.write(record, offsetDelta++, timestamp - firstTimestamp);
  }
  let out = writer.take();
  if (compression !== undefined) {
    const compressed = await compression.compress(out.subarray(BATCH_HEADER_BYTES));
    out = Buffer.concat([out.subarray(0, BATCH_HEADER_BYTES), compressed]);
  }

  out.writeBigInt64BE(0n, 0); // base offset: the broker assigns it
  out.writeInt32BE(out.length - 12, 8);
  out.writeInt32BE(-1, 12); // partition leader epoch
  out.writeInt8(2, 16); // magic
  out.writeInt16BE((compression?.attribute ?? 0) | (identity.transactional ? TRANSACTIONAL : 0), ATTRIBUTES_OFFSET);
  out.writeInt32BE(records.length - 1, 23);
  out.writeBigInt64BE(BigInt(firstTimestamp), 27);
  out.writeBigInt64BE(BigInt(maxTimestamp), 35);
  out.writeBigInt64BE(identity.producerId, 43);
  out.writeInt16BE(identity.producerEpoch, 51);
  out.writeInt32BE(identity.firstSequence, 53);
  out.writeInt32BE(records.length, 57);
  out.writeUInt32BE(crc32c(out.subarray(ATTRIBUTES_OFFSET)), CRC_OFFSET);
  return out;
}

const timestampOf = (record: EncodableRecord, nowMs: number): number =>
  record.timestamp === undefined ? nowMs : Number(record.timestamp);
