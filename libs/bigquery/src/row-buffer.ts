import { varintLength, writeVarint } from '@orderstream/varint';

/** Field 1 of ProtoRows, length-delimited: how each row begins. */
const ROW_TAG = 0x0a;
/** A row of this length or more needs a third length byte. */
const TWO_BYTE_LENGTH = 16_384;
const INITIAL_BYTES = 64 * 1024;

/**
 * Rows of one append, encoded one after the other in one growing buffer as the `serialized_rows` of ProtoRows, so that
 * an append request is this buffer behind a short head: no object and no copy per row.
 */
export class RowBuffer {
  bytes: Buffer;
  /** Write position; only the encoder moves it. */
  position = 0;
  private readonly ends: number[] = [];
  private rowStart = 0;

  constructor(initialBytes = INITIAL_BYTES) {
    this.bytes = Buffer.allocUnsafe(initialBytes);
  }

  get rows(): number {
    return this.ends.length;
  }

  /** Bytes of the finished rows. */
  get size(): number {
    return this.ends.at(-1) ?? 0;
  }

  /** The finished rows; a view, valid as long as nothing is added. */
  encoded(): Buffer {
    return this.bytes.subarray(0, this.size);
  }

  /** Makes room for `count` more bytes. */
  reserve(count: number): void {
    const needed = this.position + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.position);
    this.bytes = grown;
  }

  /** Begins a row behind the finished ones. Two bytes are kept for its length, which nearly every row needs. */
  beginRow(): void {
    this.position = this.size;
    this.reserve(3);
    this.rowStart = this.position;
    this.position += 3;
  }

  /** Ends the row: writes its tag and length in front of it. */
  endRow(): void {
    const content = this.rowStart + 3;
    const length = this.position - content;
    const width = varintLength(length);
    if (width !== 2) {
      this.reserve(width);
      this.bytes.copyWithin(this.rowStart + 1 + width, content, this.position);
      this.position += width - 2;
    }
    this.bytes[this.rowStart] = ROW_TAG;
    writeVarint(this.bytes, this.rowStart + 1, length);
    this.ends.push(this.position);
  }

  /** Forgets the row that was begun. */
  dropRow(): void {
    this.position = this.size;
  }

  /** Takes the last finished row out again. */
  popRow(): void {
    this.ends.pop();
    this.position = this.size;
  }

  /** A copy with the rows that `keep` says yes to, by their index, in the same order. */
  filter(keep: (row: number) => boolean): RowBuffer {
    const kept = new RowBuffer(this.size);
    this.ends.forEach((end, row) => {
      if (!keep(row)) return;
      this.bytes.copy(kept.bytes, kept.position, row === 0 ? 0 : this.ends[row - 1], end);
      kept.position += end - (row === 0 ? 0 : (this.ends[row - 1] ?? 0));
      kept.ends.push(kept.position);
    });
    return kept;
  }

  /** A field's tag, made beforehand: one byte, or two from field 16 to 2,047. */
  tag(tag: Buffer): void {
    this.reserve(5);
    this.bytes[this.position++] = tag[0] ?? 0;
    if (tag.length > 1) this.bytes[this.position++] = tag[1] ?? 0;
  }

  /** Bytes with their length in front. */
  lengthDelimited(content: Buffer): void {
    this.varint(content.length);
    this.reserve(content.length);
    content.copy(this.bytes, this.position);
    this.position += content.length;
  }

  /** An unsigned integer up to 2^53, as a varint. */
  varint(value: number): void {
    this.reserve(10);
    this.position = writeVarint(this.bytes, this.position, value);
  }

  /** A signed 64-bit integer, as protobuf's int64. */
  int64(value: number): void {
    if (value >= 0) this.varint(value);
    else this.bigInt64(BigInt(value));
  }

  /** As `int64`, for values beyond 2^53. */
  bigInt64(value: bigint): void {
    this.reserve(10);
    let rest = BigInt.asUintN(64, value);
    for (; rest >= 128n; rest >>= 7n) this.bytes[this.position++] = Number(rest & 0x7fn) | 0x80;
    this.bytes[this.position++] = Number(rest);
  }

  /**
   * A string with its length in front. Returns false, and leaves the position undefined, for a lone surrogate: it has
   * no UTF-8 and would be replaced in silence.
   */
  string(text: string): boolean {
    const longest = text.length * 3;
    this.reserve(longest + 5);
    const start = this.position;
    const guessed = text.length < 128 ? 1 : text.length < TWO_BYTE_LENGTH ? 2 : 4;
    const written = this.bytes.write(text, start + guessed);
    if (written !== text.length && LONE_SURROGATE.test(text)) return false;
    const width = varintLength(written);
    if (width !== guessed) this.bytes.copyWithin(start + width, start + guessed, start + guessed + written);
    writeVarint(this.bytes, start, written);
    this.position = start + width + written;
    return true;
  }
}

const LONE_SURROGATE = /\p{Surrogate}/u;
