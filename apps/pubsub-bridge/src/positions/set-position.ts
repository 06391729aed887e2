import { buildBatchDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition, type UnreadableBatch } from '@orderstream/kafka';

import { type CommitState, readCommitState, rewoundTo, writeCommitState } from '../gaps/commit-metadata';
import { differenceOf, type Transactions } from '../partitions/log-position';

/** Maximum duration of a commit. */
export const TRANSACTION_TIMEOUT_MS = 15_000;

/** An offset, an end of the log, or the end of the batch at the committed offset, if that one cannot be decoded. */
export type PositionTarget = number | 'beginning' | 'end' | 'next-batch';

/** The requested offset lies outside the log, or means nothing in it. */
class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly partition: TopicPartition;
  readonly target: PositionTarget;
  /** Fences the partition's owner, then reads the committed offset. */
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<{ readonly start: number; readonly end: number }>;
  /** See `fetchUnreadableBatch`. */
  readonly unreadableBatch: (offset: number) => Promise<UnreadableBatch>;
  /** The records from one offset up to another. */
  readonly countRecords: (from: number, until: number) => Promise<number>;
  readonly now: () => Date;
}

export interface SetPositionReport extends TopicPartition {
  /** The offset committed before; null if there was none. */
  readonly before: number | null;
  /** The next offset that is published. */
  readonly position: number;
  /** Records that are not published: those of the log, and those of a batch that cannot be decoded by its header. */
  readonly skipped: number;
  /** Offsets that were committed before, and are published again. */
  readonly again: number;
  /** Offsets of a batch that could not be decoded and is one dead letter now; null for another target. */
  readonly deadLetteredBatch: { readonly firstOffset: number; readonly lastOffset: number } | null;
  /** What shows that the committed offset was of another log; null if nothing does. */
  readonly otherLog: string | null;
  readonly log: { readonly start: number; readonly end: number };
}

/**
 * Moves the committed offset of a partition by an operator's command.
 *
 * Failure semantics: opening the partition's transactions fences its owner, which commits nothing any more: a partition
 * that runs opens again at the new offset, and a stopped one when it is resumed. The offset and the dead letter of a batch
 * are one transaction: killed before it, nothing has changed. An owner that opens the partition in between fences the
 * command. The command may be repeated.
 *
 * @throws PositionRejectedError, BatchReadableError, LogUnreadableError, TransactionFailedError, ReadTimeoutError
 */
export async function setPosition(options: SetPositionOptions): Promise<SetPositionReport> {
  const { partition, target, now } = options;
  const name = partitionName(partition);
  const transactions = await options.openTransactions();
  try {
    const { committed } = transactions;
    const otherLog = differenceOf(partition, committed);
    const { start, end } = await options.logBounds();
    // In another log nothing was published.
    const from = otherLog === undefined ? (committed.offset ?? start) : start;
    const batch = target === 'next-batch' ? await options.unreadableBatch(Math.max(from, start)) : undefined;
    const named = target === 'beginning' ? start : target === 'end' ? end : target;
    const position = batch?.nextOffset ?? Number(named);
    if (position < start || position > end) {
      throw new PositionRejectedError(
        `the log of ${name} starts at ${String(start)} and ends at ${String(end)}: ${String(position)} is outside. ` +
          'Nothing was changed.',
      );
    }
    const unpublished = Math.max(from, start);
    const skipped = unpublished < position ? await options.countRecords(unpublished, position) : 0;
    const records = batch === undefined ? [] : [buildBatchDeadLetter(batch, { app: 'pubsub-bridge', failedAt: now() })];
    const known = readCommitState(committed.metadata);
    // The gaps of another log have no meaning in this one.
    const state: CommitState =
      otherLog !== undefined
        ? { ...known, gaps: [], subscription: undefined }
        : position < from
          ? rewoundTo(position, known)
          : known;
    const metadata = writeCommitState({ ...state, log: committed.topicId });
    await transactions.commit({ records, offset: position, metadata });
    return {
      ...partition,
      before: committed.offset ?? null,
      position,
      skipped,
      again: Math.max(0, Math.min(from, end) - position),
      deadLetteredBatch: batch === undefined ? null : { firstOffset: batch.firstOffset, lastOffset: batch.lastOffset },
      otherLog: otherLog?.message ?? null,
      log: { start, end },
    };
  } finally {
    await transactions.close();
  }
}
