import { buildDeadLetter } from '@orderstream/dead-letters';

import type { MicroBatch, Rejection } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { REFUSALS } from './row-mapper';
import type { PartitionSinkParts } from './sink-parts';

/**
 * Takes rejected records out of a batch of which nothing has landed: dead letters, exclusions and the position in one
 * transaction, and only then out of the rows. The position goes up to the first record that is left.
 * @param rejectedRows rows that BigQuery rejected: index and what it said
 */
export async function commitRejection(
  { faults, observer, now }: PartitionSinkParts,
  progress: Progress,
  stream: OpenStream,
  batch: MicroBatch,
  rejectedRows: ReadonlyMap<number, string>,
): Promise<void> {
  await faults.reach('rejection-settled');
  const rejections = rejectionsOf(batch, rejectedRows);
  const exclusions = progress.exclusions.with(rejections.map(({ record }) => record.offset));
  const survivor = batch.records.find((_, row) => !rejectedRows.has(row));
  const offset = survivor?.offset ?? batch.endOffset;
  await progress.commit(() => ({
    position: progress.at(offset, stream, exclusions),
    records: rejections.map(({ record, reason }) =>
      buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: now() }),
    ),
  }));
  progress.exclusions = exclusions;
  progress.passTo(offset);
  observer.rejected(rejections);
  await faults.reach('rejection-committed');
  batch.prune(new Set(rejectedRows.keys()));
}

function rejectionsOf(batch: MicroBatch, rejectedRows: ReadonlyMap<number, string>): readonly Rejection[] {
  const byBigQuery = batch.records.flatMap((record, row): Rejection[] => {
    const message = rejectedRows.get(row);
    return message === undefined ? [] : [{ record, reason: { code: REFUSALS.rejected, constraint: message } }];
  });
  return [...batch.rejected, ...byBigQuery].sort((a, b) => a.record.offset - b.record.offset);
}
