import { GrowingOutput } from './growing-output';

const MAGIC = 0x184d2204;
const SKIPPABLE = 0x184d2a50;
const VERSION = 1;
const STORED = 0x8000_0000;
const MIN_MATCH = 4;

/**
 * Decompresses concatenated LZ4 frames ("LZ4 Frame Format Description" 1.6, lz4/doc/lz4_Frame_format.md), as Kafka's
 * version 2 batches hold them. Does not verify checksums.
 *
 * @throws Error on other bytes, on a dictionary, and beyond `max` bytes
 */
export function lz4Frames(bytes: Buffer, max: number): Buffer {
  const output = new GrowingOutput(bytes.length * 3, max);
  const cursor = { at: 0 };
  while (cursor.at < bytes.length) {
    const magic = little(bytes, cursor, 4);
    if (magic === MAGIC) frame(bytes, cursor, output);
    else if (magic - (magic % 16) === SKIPPABLE) skip(bytes, cursor, little(bytes, cursor, 4));
    else throw new Error('the compressed bytes are not an LZ4 frame');
  }
  return output.bytes();
}

interface ReadCursor {
  at: number;
}

function frame(bytes: Buffer, cursor: ReadCursor, output: GrowingOutput): void {
  const start = output.size;
  const flags = little(bytes, cursor, 1);
  if (flags >>> 6 !== VERSION || (flags & 1) !== 0) {
    throw new Error('the LZ4 frame has an unknown version or a dictionary');
  }
  const independent = (flags & 0x20) !== 0;
  const blockChecksum = (flags & 0x10) === 0 ? 0 : 4;
  const contentSize = (flags & 0x08) === 0 ? 0 : 8;
  const contentChecksum = (flags & 0x04) === 0 ? 0 : 4;
  skip(bytes, cursor, 1 + contentSize + 1); // maximum block size, content size, header checksum
  for (;;) {
    const size = little(bytes, cursor, 4);
    if (size === 0) break;
    const stored = size >= STORED;
    const from = cursor.at;
    skip(bytes, cursor, stored ? size - STORED : size);
    if (stored) output.literal(bytes, from, cursor.at - from);
    else block(bytes.subarray(from, cursor.at), output, independent ? output.size : start);
    skip(bytes, cursor, blockChecksum);
  }
  skip(bytes, cursor, contentChecksum);
}

/** "LZ4 Block Format Description" (lz4/doc/lz4_Block_format.md): sequences of literals and a match, the last without. */
function block(bytes: Buffer, output: GrowingOutput, earliest: number): void {
  const cursor = { at: 0 };
  for (;;) {
    const token = little(bytes, cursor, 1);
    const literals = length(token >>> 4, bytes, cursor);
    output.literal(bytes, cursor.at, literals);
    cursor.at += literals;
    if (cursor.at === bytes.length) return;
    const distance = little(bytes, cursor, 2);
    output.match(distance, length(token & 15, bytes, cursor) + MIN_MATCH, earliest);
  }
}

/** A length of four bits. 15 means that more bytes follow, to be added, up to the first byte below 255. */
function length(nibble: number, bytes: Buffer, cursor: ReadCursor): number {
  let total = nibble;
  if (nibble === 15) {
    let byte;
    do total += byte = little(bytes, cursor, 1);
    while (byte === 255);
  }
  return total;
}

function little(bytes: Buffer, cursor: ReadCursor, width: number): number {
  const from = cursor.at;
  skip(bytes, cursor, width);
  return bytes.readUIntLE(from, width);
}

function skip(bytes: Buffer, cursor: ReadCursor, count: number): void {
  cursor.at += count;
  if (cursor.at > bytes.length) throw new Error('the LZ4 frame ends within a block');
}
