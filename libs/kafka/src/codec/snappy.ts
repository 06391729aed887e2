import { DecompressedTooLargeError, GrowingOutput } from './growing-output';

/** SnappyOutputStream of snappy-java: these bytes, two int32 versions, then blocks, each after its int32 length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
const XERIAL_HEADER_BYTES = 16;

/**
 * Decompresses snappy in both framings that Kafka batches have: that of snappy-java (Java clients), and a bare block
 * (librdkafka and others). The format has no checksum.
 *
 * @throws Error when the bytes are neither, and beyond `max` bytes
 */
export function snappy(bytes: Buffer, max: number): Buffer {
  const output = new GrowingOutput(bytes.length * 3, max);
  if (!bytes.subarray(0, XERIAL.length).equals(XERIAL)) {
    block(bytes, output, max);
    return output.bytes();
  }
  let at = XERIAL_HEADER_BYTES;
  while (at < bytes.length) {
    // A concatenated stream repeats the header.
    if (bytes.subarray(at, at + XERIAL.length).equals(XERIAL)) {
      at += XERIAL_HEADER_BYTES;
      continue;
    }
    const end = at + 4 + (at + 4 <= bytes.length ? bytes.readInt32BE(at) : NaN);
    if (!(end >= at + 4 && end <= bytes.length)) throw new Error('a snappy block is longer than the batch');
    block(bytes.subarray(at + 4, end), output, max);
    at = end;
  }
  return output.bytes();
}

/** One block, as in "Snappy compressed format description" (google/snappy, format_description.txt). */
function block(bytes: Buffer, output: GrowingOutput, max: number): void {
  const start = output.size;
  let at = 0;
  const little = (width: number): number => {
    if (at + width > bytes.length) throw new Error('a snappy block ends within a tag');
    at += width;
    return bytes.readUIntLE(at - width, width);
  };
  let expected = 0;
  for (let scale = 1, byte = 0x80; byte >= 0x80; scale *= 128) {
    if (scale > 128 ** 4) throw new Error('the length of a snappy block is not a varint');
    byte = little(1);
    expected += (byte & 0x7f) * scale;
  }
  if (start + expected > max) throw new DecompressedTooLargeError(max);
  while (at < bytes.length) {
    const tag = little(1);
    const upper = tag >>> 2;
    switch (tag & 3) {
      case 0: {
        const count = (upper < 60 ? upper : little(upper - 59)) + 1;
        output.literal(bytes, at, count);
        at += count;
        break;
      }
      case 1:
        output.match(((tag >>> 5) << 8) + little(1), (upper & 7) + 4, start);
        break;
      case 2:
        output.match(little(2), upper + 1, start);
        break;
      default:
        output.match(little(4), upper + 1, start);
    }
  }
  if (output.size !== start + expected) throw new Error('the length of a snappy block differs from its header');
}
