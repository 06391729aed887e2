import {
  createGunzip,
  createZstdDecompress,
  gunzipSync,
  type Gunzip,
  type ZstdDecompress,
  zstdDecompressSync,
} from 'node:zlib';
import { codecName } from './batch-header';
import { DecompressedTooLargeError } from './growing-output';
import { lz4Frames } from './lz4';
import { snappy } from './snappy';

/** Bound of the decoders that need the whole result in memory: snappy and lz4. */
const MAX_WHOLE_BYTES = 128 * 1_048_576;
/** Size of the chunks of a stream. */
const CHUNK_BYTES = 262_144;

type Decompress = (bytes: Buffer, max: number) => Buffer;

/** By codec: none, gzip, snappy, lz4, zstd. */
const DECOMPRESSORS: readonly Decompress[] = [
  (bytes) => bytes,
  (bytes, max) => gunzipSync(bytes, { maxOutputLength: max }),
  snappy,
  lz4Frames,
  (bytes, max) => zstdDecompressSync(bytes, { maxOutputLength: max }),
];

const STREAMS: Readonly<Record<number, () => Gunzip | ZstdDecompress>> = {
  1: () => createGunzip({ chunkSize: CHUNK_BYTES }),
  4: () => createZstdDecompress({ chunkSize: CHUNK_BYTES }),
};

/**
 * Decompresses the records of a batch into one buffer.
 *
 * @param codec the lowest three bits of the batch's attributes
 * @throws DecompressedTooLargeError when the result is larger than `max` bytes; Error when the codec is unknown or the
 * bytes are not in its format
 */
export function decompress(codec: number, bytes: Buffer, max: number): Buffer {
  const decompressor = DECOMPRESSORS[codec];
  if (decompressor === undefined) throw new Error(`compression codec ${codec.toString()} is unknown`);
  try {
    return decompressor(bytes, max);
  } catch (error) {
    const isTooLarge =
      typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE';
    throw isTooLarge ? new DecompressedTooLargeError(max, { cause: error }) : error;
  }
}

/**
 * Decompresses the records of a batch in chunks: gzip and zstd without ever holding more than a few chunks (and the window
 * of zstd, at most 128 MiB). The decoders of snappy and lz4 hold the whole result.
 *
 * @throws DecompressedTooLargeError when snappy or lz4 decompress to more than 128 MiB; Error as `decompress`
 */
export async function* decompressInChunks(codec: number, bytes: Buffer): AsyncGenerator<Buffer> {
  const createStream = STREAMS[codec];
  if (createStream === undefined) {
    yield decompress(codec, bytes, MAX_WHOLE_BYTES);
    return;
  }
  const stream = createStream();
  try {
    stream.end(bytes);
    for await (const chunk of stream) yield chunk as Buffer;
  } catch (error) {
    throw new Error(`its ${codecName(codec)} bytes are damaged`, { cause: error });
  } finally {
    stream.destroy();
  }
}
