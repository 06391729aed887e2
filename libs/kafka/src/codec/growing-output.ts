/** The decompressed bytes exceed the bound of the caller. */
export class DecompressedTooLargeError extends Error {
  constructor(maxBytes: number, options?: ErrorOptions) {
    super(`the batch decompresses to more than ${maxBytes.toString()} bytes`, options);
  }
}

/** The output of an LZ77 decoder. It grows up to a bound, and copies from what was already written. */
export class GrowingOutput {
  private buffer: Buffer;
  private length = 0;

  /**
   * @param expected estimated size in bytes
   * @param max bound in bytes
   */
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
    if (from + count > source.length) throw new Error('the compressed bytes end within a literal');
    this.reserve(count);
    source.copy(this.buffer, this.length, from, from + count);
    this.length += count;
  }

  /**
   * Appends `count` bytes that start `distance` bytes before the end. A count above the distance repeats them.
   *
   * @param earliest lowest index that the match may start at
   */
  match(distance: number, count: number, earliest: number): void {
    const from = this.length - distance;
    if (distance === 0 || from < earliest) throw new Error('a match starts before the start of the data');
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
    if (needed > this.max) throw new DecompressedTooLargeError(this.max);
    const larger = Buffer.allocUnsafe(Math.min(Math.max(needed, this.buffer.length * 2), this.max));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
