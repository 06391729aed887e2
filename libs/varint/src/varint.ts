/**
 * Unsigned base-128 varints (Protocol Buffers, "Encoding"), for integers from 0 to 2^53 - 1.
 *
 * Written for hot loops: values below 2^31 need only integer operations.
 */

/** Length of the varint in bytes. */
export function varintLength(value: number): number {
  let bytes = 1;
  let rest = value;
  for (; rest >= 0x8000_0000; rest = Math.floor(rest / 128)) bytes++;
  for (; rest >= 0x80; rest >>>= 7) bytes++;
  return bytes;
}

/** Writes the varint at the offset and returns the offset after it. */
export function writeVarint(out: Buffer, offset: number, value: number): number {
  let at = offset;
  let rest = value;
  for (; rest >= 0x8000_0000; rest = Math.floor(rest / 128)) out[at++] = (rest % 128) | 0x80;
  for (; rest >= 0x80; rest >>>= 7) out[at++] = (rest & 0x7f) | 0x80;
  out[at++] = rest;
  return at;
}
