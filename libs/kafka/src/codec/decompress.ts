import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { lz4Frames } from './lz4';
import { snappy } from './snappy';

/** What a few megabytes can grow to is more than a process has; a batch beyond this is not readable. Bytes. */
const MAX_BATCH_BYTES = 128 * 1_048_576;

const BOUND = { maxOutputLength: MAX_BATCH_BYTES };
const DECOMPRESS: readonly ((bytes: Buffer) => Buffer)[] = [
  (bytes) => bytes,
  (bytes) => gunzipSync(bytes, BOUND),
  (bytes) => snappy(bytes, MAX_BATCH_BYTES),
  (bytes) => lz4Frames(bytes, MAX_BATCH_BYTES),
  (bytes) => zstdDecompressSync(bytes, BOUND),
];

/**
 * The records of a batch out of what its attributes' codec (their lowest three bits: none, gzip, snappy, lz4, zstd)
 * made of them. Throws when the codec is none of these, the bytes are not what it writes, or they grow beyond
 * `MAX_BATCH_BYTES`.
 */
export function decompress(codec: number, bytes: Buffer): Buffer {
  const of = DECOMPRESS[codec];
  if (of === undefined) throw new Error(`codec ${codec.toString()} is none of Kafka's`);
  return of(bytes);
}
