import { BATCH_HEADER_BYTES, estimateRecordBytes } from '../codec/record-batch-encoder';
import { RecordTooLargeError } from '../errors';
import { type OutputRecord } from '../record';
import { compressedBytes } from './record-size';

/** Records that go out in one request: at most one record batch per partition. */
export interface Chunk {
  readonly topics: readonly ChunkTopic[];
  readonly records: number;
  /** One record that is too large as it is: to be sent with gzip. */
  readonly compress: boolean;
}

export interface ChunkTopic {
  readonly topic: string;
  readonly partitions: ReadonlyMap<number, OutputRecord[]>;
}

/**
 * Splits records, in order, into requests of at most `maxBytes` as encoded (never underestimated), so that no record
 * batch is larger than that either. A record that is larger by itself goes alone; above `maxRecordBytes` compressed.
 *
 * @throws RecordTooLargeError when a record is larger than `maxRecordBytes` even so
 */
export function chunkRecords(
  records: readonly OutputRecord[],
  maxBytes: number,
  maxRecordBytes: number = maxBytes,
): Chunk[] {
  const chunks: Chunk[] = [];
  let topics = new Map<string, Map<number, OutputRecord[]>>();
  let bytes = 0;
  let count = 0;
  const close = (compress = false): void => {
    if (count === 0) return;
    const list = Array.from(topics, ([topic, partitions]) => ({ topic, partitions }));
    chunks.push({ topics: list, records: count, compress });
    topics = new Map();
    bytes = 0;
    count = 0;
  };
  for (const record of records) {
    const size = estimateRecordBytes(record);
    const compress = size + BATCH_HEADER_BYTES > maxRecordBytes;
    if (compress && compressedBytes(record) > maxRecordBytes) {
      throw new RecordTooLargeError(
        `A record for ${record.topic}/${record.partition.toString()} takes ${size.toString()} bytes, more than the ${maxRecordBytes.toString()} that are allowed, and compressed as well`,
      );
    }
    let list = topics.get(record.topic)?.get(record.partition);
    if (bytes + size + (list === undefined ? BATCH_HEADER_BYTES : 0) > maxBytes) {
      close();
      list = undefined;
    }
    if (list === undefined) {
      let partitions = topics.get(record.topic);
      if (partitions === undefined) topics.set(record.topic, (partitions = new Map<number, OutputRecord[]>()));
      partitions.set(record.partition, (list = []));
      bytes += BATCH_HEADER_BYTES;
    }
    list.push(record);
    bytes += size;
    count++;
    if (compress) close(true);
  }
  close();
  return chunks;
}
