import { buildBatchDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition, type UnreadableBatch } from '@orderstream/kafka';

import { NO_FAULTS } from '../streams/fault-points';
import { decodePosition, encodeMetadata, isOtherLog } from '../streams/position';
import { endStream, type LogBounds } from '../streams/recovery';
import type { Transactions } from '../streams/sink-dependencies';
import type { Warehouse } from '../streams/warehouse';

/**
 * An offset, the start of the log, the offset after the partition's last row, or the end of the batch at the next offset, if
 * that one cannot be decoded.
 */
export type PositionTarget = number | 'beginning' | 'table' | 'next-batch';

/** The requested position would write rows twice, or lies outside the log. */
export class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly partition: TopicPartition;
  readonly target: PositionTarget;
  /** A batch that cannot be decoded becomes a dead letter; not one of dead letters. */
  readonly deadLetters: boolean;
  readonly warehouse: Pick<Warehouse, 'finalize' | 'lastOffset'>;
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
  /** See `fetchUnreadableBatch`. */
  readonly unreadableBatch: (offset: number) => Promise<UnreadableBatch>;
  readonly now: () => Date;
  /** Waits until no append to a deleted stream can land any more. Called once at most. */
  readonly wait: () => Promise<void>;
}

export interface SetPositionReport extends TopicPartition {
  /** The offset committed before; null if there was none. */
  readonly before: number | null;
  /** First offset that the sink will write. */
  readonly position: number;
  /** Highest offset of the partition's own rows; null if there is none. */
  readonly lastRow: number | null;
  readonly log: LogBounds;
  /**
   * The records of a batch that could not be decoded and is one dead letter now, or is left out if it was one of dead letters;
   * null for another target.
   */
  readonly skipped: { readonly records: number; readonly firstOffset: number; readonly lastOffset: number } | null;
}

/**
 * Sets the committed position of a partition by an operator's command, after recovery has stopped the partition
 * (docs/sink-protocol.md, "When a partition stops").
 *
 * Failure semantics: opening the partition's transactions fences its owner. Finalizing the committed stream rejects
 * appends that are still in flight; if BigQuery does not know the stream, or the commit does not name it, the command waits
 * as recovery does. Only then the table is queried. The new position and the dead letter of a batch are one commit: when the
 * command is killed before it, nothing has changed. The command may be repeated. An owner that opens the partition in between fences
 * the command.
 *
 * @throws PositionRejectedError, BatchReadableError, LogUnreadableError, TransactionFailedError, BigQueryCallError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const { partition, target, warehouse, wait } = options;
  const name = partitionName(partition);
  const transactions = await options.openTransactions();
  try {
    const { offset: before, metadata, topicId } = transactions.committed;
    const committed = before === undefined ? undefined : decodePosition(before, metadata ?? '');
    const stream = committed?.stream;
    if (stream !== undefined) await endStream({ warehouse, wait, faults: NO_FAULTS }, stream.name);
    else if (before !== undefined && committed === undefined) await wait();
    const lastRow = await warehouse.lastOffset(0);
    const log = await options.logBounds();
    const afterTable = lastRow === undefined ? log.start : Math.max(lastRow + 1, log.start);
    // Rows from the committed position on are those of the next records: a record without a row is not processed yet.
    const next = Math.max(before ?? log.start, afterTable);
    if (target === 'next-batch') assertSameTopic(name, committed?.topicId, topicId);
    const batch = target === 'next-batch' ? await options.unreadableBatch(next) : undefined;
    const position = batch?.nextOffset ?? (target === 'table' ? afterTable : positionOf(target, log));
    if (position < log.start || position > log.end) {
      throw new PositionRejectedError(
        `the log of ${name} starts at ${String(log.start)} and ends at ${String(log.end)}: ${String(position)} is outside. ` +
          'Nothing was changed.',
      );
    }
    if (lastRow !== undefined && position <= lastRow) {
      throw new PositionRejectedError(
        `${name} has rows up to offset ${String(lastRow)}: from ${String(position)} on they would be written twice. ` +
          'Nothing was changed. Move or delete those rows first, or set a position after them.',
      );
    }
    const withoutStream = { offset: position, stream: undefined, topicId };
    const records =
      batch === undefined || !options.deadLetters
        ? []
        : [buildBatchDeadLetter(batch, { app: 'bq-sink', failedAt: options.now() })];
    await transactions.commit({ records, offset: position, metadata: encodeMetadata(withoutStream) });
    const skipped =
      batch === undefined
        ? null
        : { records: batch.unread, firstOffset: batch.firstOffset, lastOffset: batch.lastOffset };
    return { ...partition, before: before ?? null, position, lastRow: lastRow ?? null, log, skipped };
  } finally {
    await transactions.close();
  }
}

const positionOf = (target: PositionTarget, { start }: LogBounds): number =>
  typeof target === 'number' ? target : start;

/** The next offset of another log means nothing in this one. */
function assertSameTopic(name: string, committed: string | undefined, id: string | undefined): void {
  if (!isOtherLog(committed, id)) return;
  throw new PositionRejectedError(
    `the position of ${name} was committed for the topic with id ${committed}, and the topic of this name has id ${id}: it ` +
      'was re-created. Nothing was changed. Choose where to begin: `--to beginning`, `--to table` or an offset.',
  );
}
