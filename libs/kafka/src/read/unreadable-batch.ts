import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { type Kafka } from 'kafkajs';
import { LogUnreadableError, OffsetOutOfRangeError } from '../errors';
import { partitionName, type TopicPartition } from '../topic-partition';
import { fetchLogBounds } from './offsets';
import { fetchRawBatch, type RawBatch } from './raw-batch';
import { readPartition } from './read-partition';
import { unreadIn } from './unread-in';

/** A batch that cannot be decoded, and what of it a reader has not read yet. */
export interface UnreadableBatch extends RawBatch {
  /** The first offset that is not read: the base offset, or one within a batch of which the beginning could be read. */
  readonly firstOffset: number;
  /** Records from `firstOffset` on. */
  readonly unread: number;
  /** Why it cannot be decoded. */
  readonly reason: string;
}

/** The next records can be read: a command that skips a batch would leave good records out. */
export class BatchReadableError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

/**
 * The batch that a reader of committed records finds next from `offset` on and that it cannot decode. For the command that
 * skips it.
 *
 * @throws BatchReadableError when the next record can be read, or there is none; OffsetOutOfRangeError; LogUnreadableError
 * when the batch does not say where it ends
 */
export async function fetchUnreadableBatch(
  kafka: Kafka,
  place: TopicPartition,
  offset: number,
): Promise<UnreadableBatch> {
  const error = await nextError(kafka, place, offset);
  const { batch } = error;
  if (batch === undefined) throw error;
  const firstOffset = Math.max(offset, batch.baseOffset);
  const raw = await fetchRawBatch(kafka, place, firstOffset);
  if (!raw.isIntact) await assertEnd(kafka, raw, error);
  const unread = unreadIn(raw, firstOffset);
  const reason = error.cause instanceof Error ? error.cause.message : error.message;
  return { ...raw, firstOffset, unread, reason };
}

async function nextError(kafka: Kafka, place: TopicPartition, offset: number): Promise<LogUnreadableError> {
  const name = partitionName(place);
  try {
    await readPartition(
      kafka,
      { ...place, from: offset, until: 'end', isolation: 'committed' },
      ({ records: [record] }) => {
        throw new BatchReadableError(
          `The record at ${name}@${String(record?.offset)} can be read, and no batch before it is unreadable: there is ` +
            'nothing to skip. Nothing was changed.',
        );
      },
    );
  } catch (error) {
    if (error instanceof LogUnreadableError) return error;
    throw error;
  }
  throw new BatchReadableError(
    `No committed record of ${name} follows offset ${offset.toString()}: there is nothing to skip. Nothing was changed.`,
  );
}

/** The last offset of a damaged batch can be damaged, too. It counts only if the log goes on right behind it. */
async function assertEnd(kafka: Kafka, batch: RawBatch, error: LogUnreadableError): Promise<void> {
  const { ends } = await fetchLogBounds(kafka, batch.topic);
  if (batch.nextOffset === ends[batch.partition]) return;
  const next = await fetchRawBatch(kafka, batch, batch.nextOffset).catch((cause: unknown) => {
    if (cause instanceof OffsetOutOfRangeError || cause instanceof LogUnreadableError) return undefined;
    throw cause;
  });
  if (next?.baseOffset === batch.nextOffset) return;
  throw new LogUnreadableError(
    `${error.message} No batch begins at ${batch.nextOffset.toString()}, where this one ends by its header: find the base ` +
      'offset of the batch behind it with kafka-dump-log.sh. Nothing was changed.',
    { cause: error },
  );
}
