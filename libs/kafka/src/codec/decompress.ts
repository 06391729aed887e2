import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4Frames } from './lz4';
import { snappy } from './snappy';

/** A few compressed megabytes can decompress to more than the process' memory. Larger batches are rejected. */
const MAX_BATCH_BYTES = 128 * 1_048_576;

const OPTIONS = { maxOutputLength: MAX_BATCH_BYTES };
/** By codec: none, gzip, snappy, lz4, zstd. */
const DECOMPRESSORS: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => bytes,
  (bytes) => gunzipSync(bytes, OPTIONS),
  (bytes) => snappy(bytes, MAX_BATCH_BYTES),
  (bytes) => lz4Frames(bytes, MAX_BATCH_BYTES),
  (bytes) => zstdDecompressSync(bytes, OPTIONS),
];

/**
 * Decompresses the records of a batch.
 *
 * @param codec the lowest three bits of the batch's attributes
 * @throws Error when the codec is unknown, the bytes are not in its format, or the result exceeds `MAX_BATCH_BYTES`
 */
export function decompress(codec: number, bytes: Buffer): Buffer {
  const decompressor = DECOMPRESSORS[codec];
  if (decompressor === undefined) throw new Error(`compression codec ${codec.toString()} is unknown`);
  return decompressor(bytes);
}
