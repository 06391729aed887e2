/** Look-up tables of CRC-32C (Castagnoli, reflected 0x82f63b78), for eight bytes at a time. */
const TABLES = buildTables();

function buildTables(): Int32Array {
  const t = new Int32Array(8 * 256);
  for (let n = 0; n < 256; n++) {
    let c = n;
    for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
    t[n] = c;
  }
  for (let n = 0; n < 256; n++) {
    for (let k = 1; k < 8; k++) {
      const previous = at(t, (k - 1) * 256 + n);
      t[k * 256 + n] = (previous >>> 8) ^ at(t, previous & 0xff);
    }
  }
  return t;
}

function at(table: Int32Array, index: number): number {
  return table[index] ?? 0;
}

/**
 * CRC-32C of bytes [start, end), unsigned. Slicing by 8, because every produced byte passes through here: with one table
 * look-up per byte the CRC was the largest single cost of producing.
 */
export function crc32c(bytes: Uint8Array, start: number, end: number): number {
  const t = TABLES;
  let c = -1;
  let i = start;
  const wide = end - 7;
  for (; i < wide; i += 8) {
    c ^=
      (bytes[i] as number) |
      ((bytes[i + 1] as number) << 8) |
      ((bytes[i + 2] as number) << 16) |
      ((bytes[i + 3] as number) << 24);
    c =
      (t[1792 + (c & 0xff)] as number) ^
      (t[1536 + ((c >>> 8) & 0xff)] as number) ^
      (t[1280 + ((c >>> 16) & 0xff)] as number) ^
      (t[1024 + (c >>> 24)] as number) ^
      (t[768 + (bytes[i + 4] as number)] as number) ^
      (t[512 + (bytes[i + 5] as number)] as number) ^
      (t[256 + (bytes[i + 6] as number)] as number) ^
      (t[bytes[i + 7] as number] as number);
  }
  for (; i < end; i++) c = (c >>> 8) ^ (t[(c ^ (bytes[i] as number)) & 0xff] as number);
  return (c ^ -1) >>> 0;
}
