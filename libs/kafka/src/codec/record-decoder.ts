import { addHeader, type HeaderField, type RecordHeaders, withFields } from '../headers';
import { type KafkaRecord } from '../record';

/** Estimated memory of a record and of each header, beside their bytes: objects, and a Buffer for each view. */
const RECORD_OVERHEAD_BYTES = 200;
const HEADER_OVERHEAD_BYTES = 120;

/** A record that takes more memory than this cannot be decoded. */
export const MAX_RECORD_BYTES = 128 * 1_048_576;

const TOO_SHORT = 'a record is longer than the batch';

/** What the records of a batch have in common. */
export interface RecordContext {
  readonly topic: string;
  readonly partition: number;
  readonly baseOffset: number;
  readonly firstTimestamp: number;
  /** Timestamp of all records of a LogAppendTime topic. */
  readonly appendTime: number | undefined;
  /** Records below it are skipped. */
  readonly fromOffset: number;
}

/** Decodes the records of one batch. Keys, values and header values are views into the bytes that it is given. */
export class RecordDecoder {
  /** Estimated memory of the records that were decoded, with their bytes. */
  memoryBytes = 0;
  private readonly names: HeaderName[] = [];

  constructor(private readonly context: RecordContext) {}

  /**
   * Decodes the record at the cursor, and moves the cursor behind it.
   *
   * @returns undefined when its offset is below `fromOffset`
   */
  next(cursor: Cursor): KafkaRecord | undefined {
    const { topic, partition, baseOffset, firstTimestamp, appendTime, fromOffset } = this.context;
    const length = cursor.varint();
    const next = length + cursor.offset;
    cursor.offset++; // attributes
    const timestampDelta = cursor.varint();
    const offset = baseOffset + cursor.varint();
    if (offset < fromOffset) {
      cursor.skipTo(next);
      return undefined;
    }
    const key = cursor.bytes();
    const value = cursor.bytes();
    const headers = this.headers(cursor, length);
    if (cursor.offset !== next) throw new Error(`the length of record ${offset.toString()} differs from its header`);
    return { topic, partition, offset, timestamp: appendTime ?? firstTimestamp + timestampDelta, key, value, headers };
  }

  /**
   * Adjacent records usually have the same header names in the same order, and many of their values are equal: neither the
   * names nor these values are decoded again.
   */
  private headers(cursor: Cursor, recordBytes: number): RecordHeaders {
    const { names } = this;
    const headers: RecordHeaders = {};
    const count = cursor.varint();
    const memoryBytes = recordBytes + RECORD_OVERHEAD_BYTES + count * HEADER_OVERHEAD_BYTES;
    if (memoryBytes > MAX_RECORD_BYTES) {
      throw new Error(
        `a record of ${recordBytes.toString()} bytes with ${count.toString()} headers takes more memory than the bound of ` +
          `${MAX_RECORD_BYTES.toString()} bytes`,
      );
    }
    this.memoryBytes += memoryBytes;
    const start = cursor.offset;
    let isOrderKept = true;
    let previous: HeaderName | undefined;
    for (let i = 0; i < count; i++) {
      let name = names[i];
      const bytes = cursor.bytesLike(name?.bytes) ?? EMPTY;
      if (name?.bytes !== bytes) names[i] = name = headerName(bytes);
      const isRepeated = addHeader(headers, name.text, valueOf(name, cursor));
      if ((isRepeated && previous?.text !== name.text) || name.isIndex) isOrderKept = false;
      previous = name;
    }
    if (isOrderKept) return headers;
    cursor.offset = start;
    const fields = Array.from({ length: count }, (): HeaderField => {
      const name = (cursor.bytes() ?? EMPTY).toString('utf8');
      return [name, cursor.bytes()];
    });
    return withFields(headers, fields);
  }
}

interface HeaderName {
  readonly bytes: Buffer;
  readonly text: string;
  /** An object lists names that begin with a digit first, if they are array indexes. */
  readonly isIndex: boolean;
  /** Value of the record before. */
  value: Buffer | null;
  /** Records in a row whose value was another one than that of the record before. */
  changes: number;
}

/** After so many changes in a row a value is not compared any more. */
const MAX_CHANGES = 4;

const EMPTY = Buffer.alloc(0);

function headerName(bytes: Buffer): HeaderName {
  const first = bytes[0] ?? 0;
  return { bytes, text: bytes.toString('utf8'), isIndex: first >= 0x30 && first <= 0x39, value: null, changes: 0 };
}

function valueOf(name: HeaderName, cursor: Cursor): Buffer | null {
  if (name.changes === MAX_CHANGES) return cursor.bytes();
  const value = cursor.bytesLike(name.value);
  name.changes = value === name.value ? 0 : name.changes + 1;
  name.value = value;
  return value;
}

/** Reads varints and byte fields. Throws when the bytes end first. */
export class Cursor {
  constructor(
    private readonly buffer: Buffer,
    public offset = 0,
  ) {}

  /** A zigzag varint. Arithmetic instead of bit operations, so that timestamp deltas up to 2^52 are exact. */
  varint(): number {
    const { buffer } = this;
    let z = 0;
    let scale = 1;
    for (;;) {
      const byte = buffer[this.offset++];
      if (byte === undefined) throw new Error(TOO_SHORT);
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
    this.skipTo(start + length);
    return this.buffer.subarray(start, this.offset);
  }

  /** As `bytes`; returns `last` itself if it has the same bytes, which takes neither a view nor its memory. */
  bytesLike(last: Buffer | null | undefined): Buffer | null {
    const { buffer } = this;
    const length = this.varint();
    if (length < 0) return null;
    const start = this.offset;
    this.skipTo(start + length);
    if (last?.length === length) {
      let same = 0;
      while (same < length && last[same] === buffer[start + same]) same++;
      if (same === length) return last;
    }
    return buffer.subarray(start, this.offset);
  }

  skipTo(offset: number): void {
    if (offset < this.offset || offset > this.buffer.length) throw new Error(TOO_SHORT);
    this.offset = offset;
  }
}
