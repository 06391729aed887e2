import { closeSync, existsSync, openSync, readdirSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';

import { type TopicPartition } from '@orderstream/kafka';

/** Base offset and length, before the bytes that the length counts (Kafka protocol guide, "Record Batch"). */
const OVERHEAD_BYTES = 12;

/** A record batch in the segment file of its partition, on the disk of the broker. */
export interface StoredBatch {
  readonly file: string;
  /** Where it begins in the file. */
  readonly start: number;
  readonly bytes: Buffer;
}

/** The folder with the segments of a partition, below the folder in which the broker has its logs. */
export const segmentFolder = (kafkaLogs: string, { topic, partition }: TopicPartition): string =>
  join(kafkaLogs, `${topic}-${String(partition)}`);

/** Whether the broker has ended its logs at its shutdown: at its next start it does not look for damage in them. */
export const isShutDownCleanly = (kafkaLogs: string): boolean => existsSync(join(kafkaLogs, '.kafka_cleanshutdown'));

/** @param folder of the partition. @throws RangeError when no segment has a batch with this base offset */
export function findBatch(folder: string, baseOffset: number): StoredBatch {
  const segments = readdirSync(folder)
    .filter((name) => name.endsWith('.log') && Number.parseInt(name, 10) <= baseOffset)
    .sort();
  const file = join(folder, segments.at(-1) ?? 'no segment');
  const descriptor = openSync(file, 'r');
  try {
    const head = Buffer.alloc(OVERHEAD_BYTES);
    for (let start = 0; readSync(descriptor, head, 0, OVERHEAD_BYTES, start) === OVERHEAD_BYTES;) {
      const size = OVERHEAD_BYTES + head.readInt32BE(8);
      if (Number(head.readBigInt64BE(0)) === baseOffset) {
        const bytes = Buffer.alloc(size);
        readSync(descriptor, bytes, 0, size, start);
        return { file, start, bytes };
      }
      start += size;
    }
  } finally {
    closeSync(descriptor);
  }
  throw new RangeError(`${file} has no record batch at ${String(baseOffset)}`);
}

/** Writes one byte of the batch in its file, which keeps its length. */
export function writeByte({ file, start }: StoredBatch, at: number, value: number): void {
  const descriptor = openSync(file, 'r+');
  try {
    writeSync(descriptor, Buffer.of(value), 0, 1, start + at);
  } finally {
    closeSync(descriptor);
  }
}
