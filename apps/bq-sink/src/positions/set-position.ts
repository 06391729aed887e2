import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { TopicPartition } from '@orderstream/kafka';

import { NO_FAULTS } from '../streams/fault-points';
import { decodePosition, encodeMetadata } from '../streams/position';
import { endStream, type LogBounds } from '../streams/recovery';
import type { Transactions } from '../streams/sink-dependencies';
import type { Warehouse } from '../streams/warehouse';

/** An offset, the start of the log, or the offset after the partition's last row. */
export type PositionTarget = number | 'beginning' | 'table';

/** The requested position would write rows twice, or lies outside the log. */
export class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly partition: TopicPartition;
  readonly target: PositionTarget;
  readonly warehouse: Pick<Warehouse, 'finalize' | 'lastOffset'>;
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
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
}

/**
 * Sets the committed position of a partition by an operator's command, after recovery has stopped the partition
 * (docs/sink-protocol.md, "When a partition stops").
 *
 * Failure semantics: opening the partition's transactions fences its owner. Finalizing the committed stream rejects
 * appends that are still in flight; if BigQuery does not know the stream, or the commit does not name it, the command waits
 * as recovery does. Only then the table is queried. The new position is one commit: when the command is
 * killed before it, nothing has changed. The command may be repeated. An owner that opens the partition in between fences
 * the command.
 *
 * @throws PositionRejectedError, TransactionFailedError, BigQueryCallError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const { partition, target, warehouse, wait } = options;
  const name = `${partition.topic}/${String(partition.partition)}`;
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
    const position = target === 'beginning' ? log.start : target === 'table' ? afterTable : target;
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
    await transactions.commit({ records: [], offset: position, metadata: encodeMetadata(withoutStream) });
    return { ...partition, before: before ?? null, position, lastRow: lastRow ?? null, log };
  } finally {
    await transactions.close();
  }
}
