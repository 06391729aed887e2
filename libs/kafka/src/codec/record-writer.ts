import { type IHeaders } from 'kafkajs';
import { orderedFields } from '../headers';
import { writeZigzagVarint, zigzagVarintLength } from './varint';

/** A record as kafkajs passes it: key, value and header values are bytes or strings. */
export interface EncodableRecord {
  readonly key?: Buffer | string | null;
  readonly value: Buffer | string | null;
  readonly headers?: IHeaders | undefined;
  readonly timestamp?: number | string | undefined;
}

type Field = Buffer | string | null | undefined;

const FIRST_CAPACITY = 262_144;
/** A larger buffer is not used for the next batch. */
const MAX_REUSED_BYTES = 4_194_304;
const MAX_KNOWN_HEADER_NAMES = 256;
const MAX_VARINT_BYTES = 10;
/** A character of a string is at most 3 bytes of UTF-8. */
const MAX_CHARACTER_BYTES = 3;
/** Most records take from 64 to 8,191 bytes. */
const USUAL_LENGTH_BYTES = 2;

const headerNames = new Map<string, Buffer>();

function headerName(name: string): Buffer {
  let bytes = headerNames.get(name);
  if (bytes === undefined) {
    bytes = Buffer.from(name, 'utf8');
    if (headerNames.size < MAX_KNOWN_HEADER_NAMES) headerNames.set(name, bytes);
  }
  return bytes;
}

/**
 * Writes records one behind the other into a buffer that grows.
 *
 * Hot: once for each record and header. Strings are encoded where they belong, each by one native call: the length before
 * them is written when it is known, in the room that it takes if they are ASCII. Nothing is allocated for a record.
 */
export class RecordWriter {
  private out = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
  private at = 0;

  /** Drops what was written, and leaves so many bytes for a header. */
  begin(headerBytes: number): void {
    this.at = headerBytes;
  }

  /** A copy of the header's bytes, which are any, and of what was written behind them. */
  take(): Buffer {
    const records = Buffer.from(this.out.subarray(0, this.at));
    if (this.out.length > MAX_REUSED_BYTES) this.out = Buffer.allocUnsafeSlow(FIRST_CAPACITY);
    return records;
  }

  write(record: EncodableRecord, offsetDelta: number, timestampDelta: number): void {
    this.reserve(USUAL_LENGTH_BYTES + 3 * MAX_VARINT_BYTES);
    const start = this.at;
    const { out } = this;
    const body = start + USUAL_LENGTH_BYTES;
    out[body] = 0; // attributes
    this.at = writeZigzagVarint(out, writeZigzagVarint(out, body + 1, timestampDelta), offsetDelta);
    this.field(record.key);
    this.field(record.value);
    this.headers(record.headers);
    this.insertLength(start, USUAL_LENGTH_BYTES);
  }

  private headers(headers: IHeaders | undefined): void {
    this.reserve(MAX_VARINT_BYTES);
    if (headers === undefined) {
      this.at = writeZigzagVarint(this.out, this.at, 0);
      return;
    }
    const start = this.at++;
    let count = 0;
    const ordered = orderedFields(headers);
    if (ordered !== undefined) {
      for (const [name, value] of ordered) this.header(name, value);
      count = ordered.length;
    } else {
      for (const name in headers) {
        const value = headers[name];
        if (Array.isArray(value)) {
          for (const one of value) this.header(name, one);
          count += value.length;
        } else {
          this.header(name, value);
          count++;
        }
      }
    }
    this.room(start + 1, zigzagVarintLength(count) - 1);
    writeZigzagVarint(this.out, start, count);
  }

  private header(name: string, value: Field): void {
    this.bytes(headerName(name));
    this.field(value);
  }

  private field(value: Field): void {
    if (typeof value === 'string') this.text(value);
    else if (value == null) {
      this.reserve(1);
      this.at = writeZigzagVarint(this.out, this.at, -1);
    } else this.bytes(value);
  }

  private bytes(bytes: Buffer): void {
    this.reserve(MAX_VARINT_BYTES + bytes.length);
    const start = writeZigzagVarint(this.out, this.at, bytes.length);
    this.out.set(bytes, start);
    this.at = start + bytes.length;
  }

  private text(text: string): void {
    this.reserve(MAX_VARINT_BYTES + MAX_CHARACTER_BYTES * text.length);
    const start = this.at;
    const lengthBytes = zigzagVarintLength(text.length);
    this.at = start + lengthBytes;
    this.at += this.out.write(text, this.at, 'utf8');
    this.insertLength(start, lengthBytes);
  }

  /** Writes the length of all from `start + room` on to `start`. Moves it if the length does not take the room. */
  private insertLength(start: number, room: number): void {
    const length = this.at - start - room;
    const more = zigzagVarintLength(length) - room;
    if (more !== 0) this.room(start + room, more);
    writeZigzagVarint(this.out, start, length);
  }

  /** Moves what was written from a place on, by so many bytes. */
  private room(from: number, more: number): void {
    if (more === 0) return;
    this.reserve(MAX_VARINT_BYTES);
    this.out.copyWithin(from + more, from, this.at);
    this.at += more;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes > this.out.length) this.grow(bytes);
  }

  private grow(bytes: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(2 * this.out.length, this.at + bytes));
    this.out.copy(grown, 0, 0, this.at);
    this.out = grown;
  }
}
