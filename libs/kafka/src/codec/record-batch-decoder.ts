import { LogUnreadableError } from '../errors';
import { type KafkaRecord, type RecordHeaders } from '../record';
import { decompress } from './decompress';
import { BATCH_HEADER_BYTES } from './record-batch-encoder';

export interface AbortedRange {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface DecodedLog {
  readonly records: KafkaRecord[];
  /** Behind the last whole record batch: it passes markers, aborted records and what compaction took out. */
  readonly nextOffset: number;
  /** The bytes end within a record batch, as they may. */
  readonly partial: boolean;
}

const MAGIC = 2;
const LOG_APPEND_TIME = 0x08;
const TRANSACTIONAL = 0x10;
const CONTROL = 0x20;
/** The attributes' bits that name the codec. */
const CODEC = 0x07;
const ABORT_MARKER = 0;
/** First bytes of a batch: base offset and length. */
const LOG_OVERHEAD = 12;

/**
 * Decodes what a fetch answered, from `fromOffset` on. Given the aborted transactions of the answer it leaves out their
 * records and all markers, batch by batch, without decoding them (Kafka protocol, KIP-98: a transaction is aborted from
 * its first offset to its producer's next abort marker).
 *
 * Keys, values and header values are views into `log`: a record kept for long should be copied.
 */
export function decodeLog(
  log: Buffer,
  place: { readonly topic: string; readonly partition: number },
  fromOffset: number,
  aborted: readonly AbortedRange[],
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
    const baseOffset = safeOffset(log.readBigInt64BE(at));
    if (log.readInt8(at + 16) !== MAGIC || end < at + BATCH_HEADER_BYTES) {
      throw unreadable(place, baseOffset, `magic ${log.readInt8(at + 16).toString()} is not ${MAGIC.toString()}`);
    }
    const lastOffset = baseOffset + log.readInt32BE(at + 23);
    for (let a = upcoming[nextAborted]; a !== undefined && a.firstOffset <= lastOffset; a = upcoming[++nextAborted]) {
      aborting.add(a.producerId);
    }
    const attributes = log.readInt16BE(at + 21);
    const producerId = log.readBigInt64BE(at + 43);
    if ((attributes & CONTROL) !== 0) {
      if (markerType(log, at, end) === ABORT_MARKER) aborting.delete(producerId);
    } else if ((attributes & TRANSACTIONAL) === 0 || !aborting.has(producerId)) {
      decodeBatch({ log, at, end, attributes, baseOffset, place, fromOffset }, records);
    }
    if (lastOffset >= nextOffset) nextOffset = lastOffset + 1;
    at = end;
  }
  return { records, nextOffset, partial: at < log.length };
}

interface BatchView {
  readonly log: Buffer;
  readonly at: number;
  readonly end: number;
  readonly attributes: number;
  readonly baseOffset: number;
  readonly place: { readonly topic: string; readonly partition: number };
  readonly fromOffset: number;
}

function decodeBatch(view: BatchView, out: KafkaRecord[]): void {
  const { log, at, attributes, baseOffset, place, fromOffset } = view;
  const { topic, partition } = place;
  const firstTimestamp = Number(log.readBigInt64BE(at + 27));
  const appendTime = (attributes & LOG_APPEND_TIME) === 0 ? undefined : Number(log.readBigInt64BE(at + 35));
  const count = log.readInt32BE(at + 57);
  const cursor = new Cursor(recordBytes(view));
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
    if (cursor.offset !== next) throw unreadable(place, offset, 'the record has another length than it says');
  }
}

function recordBytes({ log, at, end, attributes, baseOffset, place }: BatchView): Buffer {
  const bytes = log.subarray(at + BATCH_HEADER_BYTES, end);
  try {
    return decompress(attributes & CODEC, bytes);
  } catch (error) {
    throw unreadable(place, baseOffset, error instanceof Error ? error.message : String(error));
  }
}

/** Type of a marker: 0 abort, 1 commit. Its key is int16 version, int16 type. */
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

/** The headers of neighbouring records have the same names at the same places: they are compared, not decoded again. */
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

/** A plain assignment of __proto__ would set the prototype. */
function setOwn(headers: RecordHeaders, name: string, value: Buffer | Buffer[]): void {
  Object.defineProperty(headers, name, { value, enumerable: true, writable: true, configurable: true });
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

function safeOffset(offset: bigint): number {
  const value = Number(offset);
  if (!Number.isSafeInteger(value)) throw new LogUnreadableError(`Offset ${offset.toString()} is above 2^53`);
  return value;
}

function unreadable(place: { topic: string; partition: number }, offset: number, why: string): LogUnreadableError {
  return new LogUnreadableError(
    `The batch at ${place.topic}/${place.partition.toString()}@${offset.toString()} cannot be read: ${why}`,
  );
}

class Cursor {
  offset = 0;
  constructor(private readonly buffer: Buffer) {}

  /** Zigzag varint; plain arithmetic above 28 bits, so timestamps deltas of 2^52 survive. */
  varint(): number {
    const { buffer } = this;
    let z = 0;
    let scale = 1;
    for (;;) {
      const byte = buffer[this.offset++];
      if (byte === undefined) throw new LogUnreadableError('A record ends before its length');
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
    if (this.offset > this.buffer.length) throw new LogUnreadableError('A record ends before its length');
    return this.buffer.subarray(start, this.offset);
  }
}
