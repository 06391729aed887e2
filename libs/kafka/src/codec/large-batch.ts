import { type KafkaRecord } from '../record';
import { type BatchHeader } from './batch-header';
import { decompressInChunks } from './decompress';
import { RecordAssembly } from './record-assembly';
import { type RecordContext, RecordDecoder } from './record-decoder';

/** A compressed batch that is too large to decompress into one buffer. */
export interface LargeBatch {
  readonly header: BatchHeader;
  readonly context: RecordContext;
  /** Compressed records. */
  readonly bytes: Buffer;
}

export interface DecodedPiece {
  readonly records: KafkaRecord[];
  /** The offset after the piece, or after the batch. */
  readonly nextOffset: number;
  readonly memoryBytes: number;
}

/** A batch that decompresses to more cannot be decoded: each piece decompresses it from its beginning. */
const MAX_BATCH_BYTES = 512 * 1_048_576;

/**
 * Decodes the next records of a large batch, from `context.fromOffset` on, until they take `maxBytes` of memory; at least
 * one. Decompresses the batch from its beginning each time, because no stream is held between two fetches: a batch of
 * 150 MB comes in about ten pieces, each after 0.1 s.
 *
 * @throws Error when the batch cannot be decoded
 */
export async function decodeNextPiece(
  { header, context, bytes }: LargeBatch,
  maxBytes: number,
  maxBatchBytes = MAX_BATCH_BYTES,
): Promise<DecodedPiece> {
  const decoder = new RecordDecoder(context);
  const records: KafkaRecord[] = [];
  const assembly = new RecordAssembly();
  let left = header.count;
  let total = 0;
  for await (const chunk of decompressInChunks(header.codec, bytes)) {
    if ((total += chunk.length) > maxBatchBytes) {
      throw new Error(`it decompresses to more than ${maxBatchBytes.toString()} bytes`);
    }
    assembly.add(chunk);
    for (let cursor = assembly.next(); cursor !== undefined && left > 0; cursor = assembly.next()) {
      const record = decoder.next(cursor);
      left--;
      if (record === undefined) continue;
      records.push(record);
      if (decoder.memoryBytes >= maxBytes && left > 0) {
        return { records, nextOffset: record.offset + 1, memoryBytes: decoder.memoryBytes };
      }
    }
    if (left === 0) break;
  }
  if (left > 0) throw new Error(`it ends ${left.toString()} records before its count`);
  return { records, nextOffset: header.lastOffset + 1, memoryBytes: decoder.memoryBytes };
}
