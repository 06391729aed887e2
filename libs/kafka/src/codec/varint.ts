/** Bytes of the zigzag varint of an integer between -2^52 and 2^52. */
export function sizeOfVarint(value: number): number {
  let z = value >= 0 ? value * 2 : -value * 2 - 1;
  let bytes = 1;
  while (z >= 0x80) {
    z = Math.floor(z / 128);
    bytes++;
  }
  return bytes;
}

/** Writes the zigzag varint and returns the offset behind it. */
export function writeVarint(out: Buffer, offset: number, value: number): number {
  let z = value >= 0 ? value * 2 : -value * 2 - 1;
  while (z >= 0x80) {
    out[offset++] = (z % 128) | 0x80;
    z = Math.floor(z / 128);
  }
  out[offset++] = z;
  return offset;
}
