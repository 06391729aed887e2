/** The output of an LZ77 decoder: it grows as bytes are put, up to a bound, and copies out of what it already has. */
export class GrowingOutput {
  private buffer: Buffer;
  private length = 0;

  /** `expected` and `max` are bytes; `expected` may be wrong. */
  constructor(
    expected: number,
    private readonly max: number,
  ) {
    this.buffer = Buffer.allocUnsafe(Math.min(expected, max));
  }

  get size(): number {
    return this.length;
  }

  literal(source: Buffer, from: number, count: number): void {
    if (from + count > source.length) throw new Error('compressed bytes end within a literal');
    this.reserve(count);
    source.copy(this.buffer, this.length, from, from + count);
    this.length += count;
  }

  /** Repeats `count` bytes from `distance` before the end on. They may reach beyond the end: then they repeat themselves. */
  match(distance: number, count: number, earliest: number): void {
    const from = this.length - distance;
    if (distance === 0 || from < earliest) throw new Error('a match lies before the start of the data');
    this.reserve(count);
    const { buffer, length } = this;
    if (distance >= count && count > 32) buffer.copyWithin(length, from, from + count);
    else for (let i = 0; i < count; i++) buffer[length + i] = buffer[from + i] as number;
    this.length += count;
  }

  bytes(): Buffer {
    return this.buffer.subarray(0, this.length);
  }

  private reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.buffer.length) return;
    if (needed > this.max) throw new Error(`it decompresses to more than ${this.max.toString()} bytes`);
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.buffer.length * 2), this.max));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
