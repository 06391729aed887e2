import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { PartitionRef } from '@orderstream/kafka';

import { Exclusions } from '../streams/exclusions';
import { decodePosition, encodeMetadata } from '../streams/position';
import type { LogBounds } from '../streams/recovery';
import type { Transactions } from '../streams/sink-parts';
import type { Warehouse } from '../streams/warehouse';

/** Where to: an offset, the first one that the log still has, or the one behind the partition's last row. */
export type Goal = number | 'beginning' | 'table';

/** The position asked for would double rows, or lies outside the log. */
export class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly partition: PartitionRef;
  readonly goal: Goal;
  readonly warehouse: Pick<Warehouse, 'finalize' | 'lastOffset'>;
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
}

export interface SetPositionReport extends PartitionRef {
  /** As it was committed; null: nothing was. */
  readonly before: number | null;
  /** First offset that the sink will write. */
  readonly position: number;
  /** Highest offset of the partition's own rows; null: there is none. */
  readonly lastRow: number | null;
  readonly log: LogBounds;
}

/**
 * Moves a partition of the sink by hand: the operator's answer where recovery stopped and asked
 * (docs/sink-protocol.md, "When a partition stops and asks").
 *
 * Failure semantics: opening the partition's transactions fences its owner, and finalizing the stream that it committed
 * ends what is still on its way, before the table is looked at. The new position is one commit: killed before it nothing
 * has changed, and all of it may be repeated. An owner that opens the partition again in between fences this instead.
 *
 * @throws PositionRejectedError, TransactionFailedError, BigQueryCallError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const { partition, goal, warehouse } = options;
  const place = `${partition.topic}/${String(partition.partition)}`;
  const transactions = await options.openTransactions();
  try {
    const { offset: before, metadata } = transactions.committed;
    const stream = before === undefined ? undefined : decodePosition(before, metadata ?? '')?.stream;
    if (stream !== undefined) await warehouse.finalize(stream.name);
    const lastRow = await warehouse.lastOffset(0, []);
    const log = await options.logBounds();
    const behindTable = lastRow === undefined ? log.start : Math.max(lastRow + 1, log.start);
    const position = goal === 'beginning' ? log.start : goal === 'table' ? behindTable : goal;
    if (position < log.start || position > log.end) {
      throw new PositionRejectedError(
        `${place} has a log from ${String(log.start)} to ${String(log.end)}: ${String(position)} is not in it. Nothing was changed.`,
      );
    }
    if (lastRow !== undefined && position <= lastRow) {
      throw new PositionRejectedError(
        `${place} has rows up to offset ${String(lastRow)}: from ${String(position)} on they would be written again. ` +
          'Nothing was changed. Move or delete those rows first, or go on behind them.',
      );
    }
    const settled = { offset: position, stream: undefined, exclusions: Exclusions.NONE, topicId: undefined };
    await transactions.commit({ records: [], offset: position, metadata: encodeMetadata(settled) });
    return { ...partition, before: before ?? null, position, lastRow: lastRow ?? null, log };
  } finally {
    await transactions.close();
  }
}
