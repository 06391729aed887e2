import { crc32c } from '@node-rs/crc32';
import { type IHeaders } from 'kafkajs';
import { orderedFields } from '../headers';
import { zigzagVarintLength, writeZigzagVarint } from './varint';

/** A record as kafkajs passes it: key, value and header values are bytes or strings. */
export interface EncodableRecord {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: IHeaders | undefined;
  readonly timestamp?: number | string | undefined;
}

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
const MAX_KNOWN_HEADER_NAMES = 256;

const headerNames = new Map<string, Buffer>();

function headerName(name: string): Buffer {
  let bytes = headerNames.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name, 'utf8');
    if (headerNames.size < MAX_KNOWN_HEADER_NAMES) headerNames.set(name, bytes);
  }
  return bytes;
}

const bytesOf = (value: Buffer | string | null | undefined): Buffer | null =>
  value == null ? null : typeof value === 'string' ? Buffer.from(value, 'utf8') : value;

const sizeOfBytes = (bytes: Buffer | null): number =>
  bytes === null ? 1 : zigzagVarintLength(bytes.length) + bytes.length;

function writeBytes(out: Buffer, offset: number, bytes: Buffer | null): number {
  if (bytes === null) return writeZigzagVarint(out, offset, -1);
  const start = writeZigzagVarint(out, offset, bytes.length);
  out.set(bytes, start);
  return start + bytes.length;
}

/** A record as bytes, with its size: computed once, and written once. */
interface SizedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** Name, value, name, value, … */
  readonly headers: readonly (Buffer | null)[];
  readonly timestampDelta: number;
  readonly bodyBytes: number;
}

/** Name, value, name, value, … in the order of the headers. */
function headerPieces(headers: IHeaders | undefined): (Buffer | null)[] {
  const pieces: (Buffer | null)[] = [];
  if (headers === undefined) return pieces;
  const ordered = orderedFields(headers);
  if (ordered !== undefined) {
    for (const [name, value] of ordered) pieces.push(headerName(name), bytesOf(value));
    return pieces;
  }
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) {
      for (const one of value) pieces.push(headerName(name), bytesOf(one));
    } else {
      pieces.push(headerName(name), bytesOf(value));
    }
  }
  return pieces;
}

function sizedRecord(record: EncodableRecord, offsetDelta: number, timestampDelta: number): SizedRecord {
  const key = bytesOf(record.key);
  const value = bytesOf(record.value);
  const headers = headerPieces(record.headers);
  let bodyBytes =
    1 + zigzagVarintLength(timestampDelta) + zigzagVarintLength(offsetDelta) + sizeOfBytes(key) + sizeOfBytes(value);
  bodyBytes += zigzagVarintLength(headers.length / 2);
  for (const field of headers) bodyBytes += sizeOfBytes(field);
  return { key, value, headers, timestampDelta, bodyBytes };
}

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
 * Encodes one record batch, magic 2 (Kafka protocol guide, "Record Batch"). The records are sized first and written once
 * into one buffer: the encoder of kafkajs allocates for each record and header, and takes about four times the CPU.
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
  let recordsBytes = 0;
  const sized: SizedRecord[] = [];
  for (const record of records) {
    const timestamp = timestampOf(record, nowMs);
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    const one = sizedRecord(record, sized.length, timestamp - firstTimestamp);
    recordsBytes += zigzagVarintLength(one.bodyBytes) + one.bodyBytes;
    sized.push(one);
  }

  let out = Buffer.allocUnsafe(BATCH_HEADER_BYTES + recordsBytes);
  let offset = BATCH_HEADER_BYTES;
  for (let i = 0; i < sized.length; i++) offset = writeRecord(out, offset, sized[i] as SizedRecord, i);
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

function writeRecord(out: Buffer, start: number, record: SizedRecord, offsetDelta: number): number {
  let offset = writeZigzagVarint(out, start, record.bodyBytes);
  out[offset++] = 0; // attributes
  offset = writeZigzagVarint(out, offset, record.timestampDelta);
  offset = writeZigzagVarint(out, offset, offsetDelta);
  offset = writeBytes(out, offset, record.key);
  offset = writeBytes(out, offset, record.value);
  offset = writeZigzagVarint(out, offset, record.headers.length / 2);
  for (const bytes of record.headers) offset = writeBytes(out, offset, bytes);
  return offset;
}

const timestampOf = (record: EncodableRecord, nowMs: number): number =>
  record.timestamp === undefined ? nowMs : Number(record.timestamp);
