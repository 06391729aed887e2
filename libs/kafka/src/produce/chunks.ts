import { BATCH_HEADER_BYTES, estimateRecordBytes } from '../codec/record-batch-encoder';
import { RecordTooLargeError } from '../errors';
import { type OutputRecord } from '../record';
import { partitionName } from '../topic-partition';
import { compressedBytes } from './record-size';

/** The records of one produce request: at most one record batch per partition. */
export interface Chunk {
  readonly topics: readonly ChunkTopic[];
  readonly records: number;
  /** It holds one record that is too large uncompressed: send it with gzip. */
  readonly compress: boolean;
}

export interface ChunkTopic {
  readonly topic: string;
  readonly partitions: ReadonlyMap<number, OutputRecord[]>;
}

/**
 * Splits records, in order, into requests of at most `maxBytes` encoded bytes (an upper bound), which bounds each record
 * batch too. A larger record gets a request of its own, compressed if it is larger than `maxRecordBytes`. A bound by topic
 * bounds the record batches of the topic as well.
 *
 * @throws RecordTooLargeError when a record is larger than `maxRecordBytes` even compressed
 */
export function chunkRecords(
  records: readonly OutputRecord[],
  maxBytes: number,
  maxRecordBytes: number | ((topic: string) => number) = maxBytes,
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
    const isByTopic = typeof maxRecordBytes === 'function';
    const bound = isByTopic ? maxRecordBytes(record.topic) : maxRecordBytes;
    const compress = size + BATCH_HEADER_BYTES > bound;
    if (compress && compressedBytes(record) > bound) {
      throw new RecordTooLargeError(
        `A record for ${partitionName(record)} takes ${size.toString()} bytes: even compressed it exceeds the bound of ` +
          `${bound.toString()} bytes. Shorten the record, or raise the bound and max.message.bytes of the topic.`,
      );
    }
    let list = topics.get(record.topic)?.get(record.partition);
    const room = isByTopic ? Math.min(maxBytes, bound) : maxBytes;
    if (bytes + size + (list === undefined ? BATCH_HEADER_BYTES : 0) > room) {
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
