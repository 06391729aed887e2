import { LogUnreadableError } from '../errors';
import { type KafkaRecord, type RecordHeaders } from '../record';
import { partitionName, type TopicPartition } from '../topic-partition';
import { decompress } from './decompress';
import { BATCH_HEADER_BYTES } from './record-batch-encoder';

/** An aborted transaction, as a fetch response lists it. */
export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface DecodedLog {
  readonly records: KafkaRecord[];
  /** The offset after the last complete record batch, past its markers, aborted records and compacted records. */
  readonly nextOffset: number;
}

const MAGIC = 2;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** The bits of the attributes that hold the codec. */
const CODEC = 0x07;
const ABORT_MARKER = 0;
/** Size of the first two fields of a batch: base offset and length. */
const LOG_OVERHEAD = 12;
const BATCH_TOO_SHORT = 'a record is longer than the batch';

/**
 * Decodes the records of a fetch response from `fromOffset` on. Skips markers and the batches of the aborted transactions
 * without decoding them (KIP-98: a transaction is aborted from its first offset to its producer's next abort marker). An
 * incomplete batch at the end is ignored, as a fetch can end within a batch.
 *
 * Keys, values and header values are views into `log`: copy a record to hold it for long. The CRC of a batch is not
 * verified.
 *
 * @throws LogUnreadableError
 */
export function decodeLog(
  log: Buffer,
  place: TopicPartition,
  fromOffset: number,
  aborted: readonly AbortedTransaction[],
): DecodedLog {
  const records: KafkaRecord[] = [];
  const upcoming = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  const aborting = new Set<bigint>();
  let nextAborted = 0;
  let nextOffset = fromOffset;
  let at = 0;
  while (at + BATCH_HEADER_BYTES <= log.length) {
    const end = at + LOG_OVERHEAD + log.readInt32BE(at + 8);
    if (end > log.length) break;
    const baseOffset = safeOffset(log.readBigInt64BE(at), place);
    if (log.readInt8(at + 16) !== MAGIC || end < at + BATCH_HEADER_BYTES) {
      const magic = log.readInt8(at + 16).toString();
      throw unreadable(place, baseOffset, `it has magic ${magic} and ${(end - at).toString()} bytes`);
    }
    const lastOffset = baseOffset + log.readInt32BE(at + 23);
    for (let a = upcoming[nextAborted]; a !== undefined && a.firstOffset <= lastOffset; a = upcoming[++nextAborted]) {
      aborting.add(a.producerId);
    }
    const attributes = log.readInt16BE(at + 21);
    const producerId = log.readBigInt64BE(at + 43);
    try {
      if ((attributes & CONTROL) !== 0) {
        if (markerType(log, at, end) === ABORT_MARKER) aborting.delete(producerId);
      } else if ((attributes & TRANSACTIONAL) === 0 || !aborting.has(producerId)) {
        decodeBatch({ log, at, end, attributes, baseOffset, place, fromOffset }, records);
      }
    } catch (error) {
      throw unreadable(place, baseOffset, error instanceof Error ? error.message : String(error), error);
    }
    if (lastOffset >= nextOffset) nextOffset = lastOffset + 1;
    at = end;
  }
  return { records, nextOffset };
}

interface BatchView {
  readonly log: Buffer;
  readonly at: number;
  readonly end: number;
  readonly attributes: number;
  readonly baseOffset: number;
  readonly place: TopicPartition;
  readonly fromOffset: number;
}

function decodeBatch(view: BatchView, out: KafkaRecord[]): void {
  const { log, at, attributes, baseOffset, place, fromOffset } = view;
  const { topic, partition } = place;
  const firstTimestamp = Number(log.readBigInt64BE(at + 27));
  const appendTime = (attributes & LOG_APPEND_TIME) === 0 ? undefined : Number(log.readBigInt64BE(at + 35));
  const count = log.readInt32BE(at + 57);
  const cursor = new Cursor(decompress(attributes & CODEC, log.subarray(at + BATCH_HEADER_BYTES, view.end)));
  const names: HeaderName[] = [];
  for (let i = 0; i < count; i++) {
    const next = cursor.varint() + cursor.offset;
    cursor.offset++; // attributes
    const timestampDelta = cursor.varint();
    const offset = baseOffset + cursor.varint();
    if (offset < fromOffset) {
      cursor.offset = next;
      continue;
    }
    const key = cursor.bytes();
    const value = cursor.bytes();
    const headers = readHeaders(cursor, names);
    out.push({
      topic,
      partition,
      offset,
      timestamp: appendTime ?? firstTimestamp + timestampDelta,
      key,
      value,
      headers,
    });
    if (cursor.offset !== next) throw new Error(`the length of record ${offset.toString()} differs from its header`);
  }
}

/** Type of a transaction marker: 0 abort, 1 commit, -1 none. Its key is an int16 version and an int16 type. */
function markerType(log: Buffer, at: number, end: number): number {
  const cursor = new Cursor(log.subarray(at + BATCH_HEADER_BYTES, end));
  if (log.readInt32BE(at + 57) === 0) return -1;
  cursor.varint();
  cursor.offset++;
  cursor.varint();
  cursor.varint();
  const key = cursor.bytes();
  return key !== null && key.length >= 4 ? key.readInt16BE(2) : -1;
}

interface HeaderName {
  readonly bytes: Buffer;
  readonly text: string;
}

/** Adjacent records usually have the same header names in the same order: equal bytes are not decoded again. */
function readHeaders(cursor: Cursor, names: HeaderName[]): RecordHeaders {
  const headers: RecordHeaders = {};
  const count = cursor.varint();
  for (let i = 0; i < count; i++) {
    const bytes = cursor.bytes() ?? EMPTY;
    let name = names[i];
    if (name === undefined || !sameBytes(name.bytes, bytes)) names[i] = name = { bytes, text: bytes.toString('utf8') };
    const value = cursor.bytes();
    addHeader(headers, name.text, value as Buffer);
  }
  return headers;
}

const EMPTY = Buffer.alloc(0);

function addHeader(headers: RecordHeaders, name: string, value: Buffer): void {
  if (!Object.hasOwn(headers, name)) {
    if (name === '__proto__') setOwn(headers, name, value);
    else headers[name] = value;
    return;
  }
  const before = headers[name];
  if (Array.isArray(before)) before.push(value);
  else setOwn(headers, name, [before as Buffer, value]);
}

/** An assignment to __proto__ would set the prototype. */
function setOwn(headers: RecordHeaders, name: string, value: Buffer | Buffer[]): void {
  Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true });
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function safeOffset(offset: bigint, place: TopicPartition): number {
  const value = Number(offset);
  if (!Number.isSafeInteger(value)) throw unreadable(place, offset, 'its offset is not below 2^53');
  return value;
}

function unreadable(place: TopicPartition, offset: number | bigint, why: string, cause?: unknown): LogUnreadableError {
  return new LogUnreadableError(
    `The record batch at ${partitionName(place)}@${offset.toString()} cannot be decoded: ${why}. ` +
      'Check the log segment on the broker, for example with kafka-dump-log.sh.',
    { cause },
  );
}

/** Reads varints and byte fields. Throws when the bytes end first. */
class Cursor {
  offset = 0;
  constructor(private readonly buffer: Buffer) {}

  /** A zigzag varint. Arithmetic instead of bit operations, so that timestamp deltas up to 2^52 are exact. */
  varint(): number {
    const { buffer } = this;
    let z = 0;
    let scale = 1;
    for (;;) {
      const byte = buffer[this.offset++];
      if (byte === undefined) throw new Error(BATCH_TOO_SHORT);
      z += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 128;
    }
    return z % 2 === 0 ? z / 2 : -(z + 1) / 2;
  }

  bytes(): Buffer | null {
    const length = this.varint();
    if (length < 0) return null;
    const start = this.offset;
    this.offset += length;
    if (this.offset > this.buffer.length) throw new Error(BATCH_TOO_SHORT);
    return this.buffer.subarray(start, this.offset);
  }
}
