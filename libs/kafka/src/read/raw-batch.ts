import { type Kafka } from 'kafkajs';
import { baseOffsetOf, endOfBatch, isIntact, readBatchHeader } from '../codec/batch-header';
import { type BatchPlace, LogUnreadableError, OffsetOutOfRangeError } from '../errors';
import { partitionName, type TopicPartition } from '../topic-partition';
import { LogClient } from './log-client';
import { OFFSET_OUT_OF_RANGE } from './protocol-errors';
import { retried } from './offsets';

/** A record batch as the log holds it. */
export interface RawBatch extends BatchPlace {
  /** The CRC-32C of the batch matches. If not, every other field comes from damaged bytes. */
  readonly isIntact: boolean;
  /** The whole batch: its header, and its records as they were compressed. */
  readonly bytes: Buffer;
}

const BOUNDS = { maxWaitMs: 250, maxPartitionBytes: 1_048_576, maxBytes: 1_048_576 };

/**
 * Reads the record batch that holds an offset, and does not decode its records. For the command that skips a batch that
 * cannot be decoded: `nextOffset` is the offset to go on at, `records` counts what is left out, and `bytes` can be stored in
 * a dead letter (`fitToTopic` cuts what its topic does not take).
 *
 * @throws OffsetOutOfRangeError when the log does not hold the offset; LogUnreadableError when the batch has no header of
 * magic 2, or a last offset below `offset`
 */
export async function fetchRawBatch(kafka: Kafka, place: TopicPartition, offset: number): Promise<RawBatch> {
  const client = new LogClient(kafka, 'uncommitted');
  try {
    return await retried(async () => {
      await client.connect([place.topic]);
      await client.refresh();
      const leader = client.leaderOf(place);
      if (leader === undefined) throw new Error(`${partitionName(place)} has no leader`);
      const fetched = await client.fetchLog(leader, { ...place, offset }, BOUNDS);
      if (fetched.errorCode === OFFSET_OUT_OF_RANGE) {
        throw new OffsetOutOfRangeError(`The log of ${partitionName(place)} does not hold offset ${offset.toString()}`);
      }
      return firstBatch(fetched.log, place, offset);
    });
  } finally {
    await client.disconnect().catch(() => undefined);
  }
}

function firstBatch(log: Buffer, place: TopicPartition, offset: number): RawBatch {
  const end = endOfBatch(log, 0);
  if (end === undefined) {
    throw new OffsetOutOfRangeError(
      `The log of ${partitionName(place)} has no record batch at offset ${offset.toString()}`,
    );
  }
  const unreadable = (why: string, cause?: unknown): LogUnreadableError =>
    new LogUnreadableError(
      `The record batch at ${partitionName(place)}@${baseOffsetOf(log, 0).toString()} does not say where it ends: ${why}. ` +
        'Find the base offset of the batch behind it with kafka-dump-log.sh.',
      { cause },
    );
  let header;
  try {
    header = readBatchHeader(log, 0, end);
  } catch (error) {
    throw unreadable(error instanceof Error ? error.message : String(error), error);
  }
  const { baseOffset, lastOffset, count, codec, maxTimestamp } = header;
  if (lastOffset < offset || lastOffset < baseOffset) throw unreadable(`its last offset is ${lastOffset.toString()}`);
  return {
    ...place,
    baseOffset,
    lastOffset,
    nextOffset: lastOffset + 1,
    records: count,
    codec,
    timestamp: maxTimestamp,
    isIntact: isIntact(log, header),
    // The fetch holds more batches: a view would retain them.
    bytes: Buffer.from(log.subarray(0, end)),
  };
}
