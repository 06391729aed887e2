import { varintLength as length, writeVarint as write } from '@orderstream/varint';

// Constants of this module: what another module exports costs a call of a getter at each use.
const varintLength = length;
const writeVarint = write;

/** Tag of ProtoRows.serialized_rows (field 1, length-delimited), in front of each row. */
const ROW_TAG = 0x0a;
/** From this length on, a length prefix has three bytes. */
const THREE_BYTE_LENGTH = 16_384;
const INITIAL_BYTES = 64 * 1024;

/**
 * The rows of one append, encoded in one growing buffer as the `serialized_rows` of ProtoRows. An append request is a
 * short head and this buffer: no object and no copy per row.
 */
export class RowBuffer {
  bytes: Buffer;
  /** Where the next byte is written; `RowEncoder` reads it and does not change it. */
  writeOffset = 0;
  private readonly ends: number[] = [];
  private rowStart = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafe(initialBytes);
  }

  get rows(): number {
    return this.ends.length;
  }

  /** Size of the finished rows, in bytes. */
  get size(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** The finished rows, as a view that is valid until a row is added. */
  encoded(): Buffer {
    return this.bytes.subarray(0, this.size);
  }

  /** Grows the buffer for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.writeOffset + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.writeOffset);
    this.bytes = grown;
  }

  /** Begins a row. Leaves space for its tag and a length of two bytes, the length of nearly every row. */
  beginRow(): void {
    this.writeOffset = this.size;
    this.reserve(3);
    this.rowStart = this.writeOffset;
    this.writeOffset += 3;
  }

  /** Finishes the row: writes its tag and length in front of it. */
  endRow(): void {
    const content = this.rowStart + 3;
    const length = this.writeOffset - content;
    const width = varintLength(length);
    if (width !== 2) {
      this.reserve(width);
      this.bytes.copyWithin(this.rowStart + 1 + width, content, this.writeOffset);
      this.writeOffset += width - 2;
    }
    this.bytes[this.rowStart] = ROW_TAG;
    writeVarint(this.bytes, this.rowStart + 1, length);
    this.ends.push(this.writeOffset);
  }

  /** Discards the row that was begun. */
  dropRow(): void {
    this.writeOffset = this.size;
  }

  /** Removes the last finished row. */
  popRow(): void {
    this.ends.pop();
    this.writeOffset = this.size;
  }

  /** A copy of the rows from index `from` up to `to`, exclusive. */
  slice(from: number, to: number): RowBuffer {
    const start = this.ends[from - 1] ?? 0;
    const ends = this.ends.slice(from, to).map((end) => end - start);
    const copy = new RowBuffer(ends.at(-1) ?? 0);
    copy.ends.push(...ends);
    copy.writeOffset = copy.size;
    this.bytes.copy(copy.bytes, 0, start, start + copy.size);
    return copy;
  }

  /** An encoded tag: one byte, or two bytes for fields 16 to 2,047. */
  tag(tag: Buffer): void {
    this.reserve(5);
    this.bytes[this.writeOffset++] = tag[0] ?? 0;
    if (tag.length > 1) this.bytes[this.writeOffset++] = tag[1] ?? 0;
  }

  /** A length and bytes. */
  lengthDelimited(content: Buffer): void {
    this.varint(content.length);
    this.reserve(content.length);
    content.copy(this.bytes, this.writeOffset);
    this.writeOffset += content.length;
  }

  /** An unsigned integer up to 2^53, as a varint. */
  varint(value: number): void {
    this.reserve(10);
    this.writeOffset = writeVarint(this.bytes, this.writeOffset, value);
  }

  /** A protobuf int64. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.bigInt64(BigInt(value));
  }

  /** A protobuf int64 of any value. */
  bigInt64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 128n; rest >>= 7n) this.bytes[this.writeOffset++] = Number(rest & 0x7fn) | 0x80;
    this.bytes[this.writeOffset++] = Number(rest);
  }

  /**
   * A length and a string in UTF-8. Returns false for a string with a lone surrogate, which has no UTF-8 encoding; the row
   * must then be dropped.
   */
  string(text: string): boolean {
    const longest = text.length * 3;
    this.reserve(longest + 5);
    const start = this.writeOffset;
    const guessed = text.length < 128 ? 1 : text.length < THREE_BYTE_LENGTH ? 2 : 4;
    const written = this.bytes.write(text, start + guessed);
    if (written !== text.length && LONE_SURROGATE.test(text)) return false;
    const width = varintLength(written);
    if (width !== guessed) this.bytes.copyWithin(start + width, start + guessed, start + guessed + written);
    writeVarint(this.bytes, start, written);
    this.writeOffset = start + width + written;
    return true;
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;
