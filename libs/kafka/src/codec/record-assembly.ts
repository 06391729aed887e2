import { Cursor, MAX_RECORD_BYTES } from './record-decoder';

/** Cuts a stream of bytes into whole records. */
export class RecordAssembly {
  private chunks: Buffer[] = [];
  private size = 0;
  private needed = 1;
  private buffer: Buffer = Buffer.alloc(0);
  private at = 0;

  add(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.size += chunk.length;
    if (this.size < this.needed) return;
    const [only] = this.chunks;
    this.buffer = this.chunks.length === 1 && only !== undefined ? only : Buffer.concat(this.chunks, this.size);
    this.at = 0;
  }

  /** A cursor at the next record, which is whole. Undefined when more bytes are needed. */
  next(): Cursor | undefined {
    if (this.size < this.needed) return undefined;
    const recordBytes = wholeLength(this.buffer, this.at);
    const left = this.buffer.length - this.at;
    if (recordBytes !== undefined && recordBytes <= left) {
      const cursor = new Cursor(this.buffer, this.at);
      this.at += recordBytes;
      return cursor;
    }
    if (recordBytes !== undefined && recordBytes > MAX_RECORD_BYTES) {
      throw new Error(`a record takes more than ${MAX_RECORD_BYTES.toString()} bytes`);
    }
    this.chunks = left === 0 ? [] : [this.buffer.subarray(this.at)];
    this.size = left;
    this.needed = recordBytes ?? left + 1;
    return undefined;
  }
}

/** Bytes of the record at `at`, with its length. Undefined when the buffer ends within the length. */
function wholeLength(buffer: Buffer, at: number): number | undefined {
  let end = at;
  while (end < buffer.length && ((buffer[end] as number) & 0x80) !== 0) end++;
  if (end >= buffer.length) return undefined;
  const cursor = new Cursor(buffer, at);
  const length = cursor.varint();
  if (length < 0) throw new Error('the length of a record is negative');
  return cursor.offset - at + length;
}
