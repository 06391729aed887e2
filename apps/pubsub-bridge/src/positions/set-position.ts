import { buildBatchDeadLetter } from '@orderstream/dead-letters';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import {
  fetchLogBounds,
  fetchUnreadableBatch,
  partitionName,
  PartitionTransactions,
  readPartition,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Kafka } from 'kafkajs';

import type { BridgeSource } from '../bridge-source';
import { type CommitState, readCommitState, rewoundTo, writeCommitState } from '../gaps/commit-metadata';
import { differenceOf } from '../partitions/log-position';

/** Maximum duration of a commit. */
export const TRANSACTION_TIMEOUT_MS = 15_000;

/** An offset, an end of the log, or the end of the batch at the committed offset, if that one cannot be decoded. */
export type PositionTarget = number | 'beginning' | 'end' | 'next-batch';

/** The requested offset lies outside the log, or means nothing in it. */
class PositionRejectedError extends OrderstreamError {
  readonly code = 'POSITION_REJECTED' satisfies ErrorCode;
}

export interface SetPositionOptions {
  readonly kafka: Kafka;
  readonly source: BridgeSource;
  readonly partition: number;
  readonly target: PositionTarget;
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
export async function setPosition({
  kafka,
  source,
  partition,
  target,
  now,
}: SetPositionOptions): Promise<SetPositionReport> {
  const ref = { topic: source.validated.name, partition };
  const name = partitionName(ref);
  const transactions = await PartitionTransactions.open(kafka, {
    groupId: source.groupId,
    ...ref,
    transactionTimeoutMs: TRANSACTION_TIMEOUT_MS,
    maxRequestBytes: source.deadLetters.maxMessageBytes,
  });
  try {
    const { committed } = transactions;
    const otherLog = differenceOf(ref, committed);
    const { beginnings, ends } = await fetchLogBounds(kafka, ref.topic);
    const [start, end] = [beginnings[partition] ?? 0, ends[partition] ?? 0];
    // In another log nothing was published.
    const from = otherLog === undefined ? (committed.offset ?? start) : start;
    const batch = target === 'next-batch' ? await fetchUnreadableBatch(kafka, ref, Math.max(from, start)) : undefined;
    const named = target === 'beginning' ? start : target === 'end' ? end : target;
    const position = batch?.nextOffset ?? Number(named);
    if (position < start || position > end) {
      throw new PositionRejectedError(
        `the log of ${name} starts at ${String(start)} and ends at ${String(end)}: ${String(position)} is outside. ` +
          'Nothing was changed.',
      );
    }
    const skipped = await countBetween(kafka, ref, Math.max(from, start), position);
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
      ...ref,
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

async function countBetween(kafka: Kafka, ref: TopicPartition, from: number, until: number): Promise<number> {
  let count = 0;
  if (from >= until) return count;
  await readPartition(
    kafka,
    {
      ...ref,
      from,
      until,
      isolation: 'committed',
      onUnreadable: ({ records, baseOffset, lastOffset }) => {
        count += Math.min(records, lastOffset - Math.max(from, baseOffset) + 1);
      },
    },
    ({ records }) => {
      count += records.length;
    },
  );
  return count;
}
