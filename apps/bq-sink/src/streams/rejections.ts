import { buildDeadLetter } from '@orderstream/dead-letters';

import type { MicroBatch, Rejection } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { REJECTION_CODES } from './row-mapper';
import type { PartitionSinkDependencies } from './sink-dependencies';

/**
 * Dead-letters the rejected records of a batch of which no row has landed. One transaction commits the dead letters, the
 * exclusions, and the position at the first remaining record. The records leave the batch after that commit.
 * @param rejectedRows message of BigQuery by row index
 */
export async function commitRejection(
  { faults, observer, now }: PartitionSinkDependencies,
  progress: Progress,
  stream: OpenStream,
  batch: MicroBatch,
  rejectedRows: ReadonlyMap<number, string>,
): Promise<void> {
  await faults.reach('rejection-settled');
  const rejections = rejectionsOf(batch, rejectedRows);
  const exclusions = progress.exclusions.with(rejections.map(({ record }) => record.offset));
  const remaining = batch.records.find((_, row) => !rejectedRows.has(row));
  const offset = remaining?.offset ?? batch.endOffset;
  await progress.commit(() => ({
    position: progress.positionAt(offset, stream, exclusions),
    records: rejections.map(({ record, reason }) =>
      buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: now() }),
    ),
  }));
  progress.exclusions = exclusions;
  progress.advanceTo(offset);
  observer.rejected(rejections);
  await faults.reach('rejection-committed');
  batch.removeRejected(new Set(rejectedRows.keys()));
}

function rejectionsOf(batch: MicroBatch, rejectedRows: ReadonlyMap<number, string>): readonly Rejection[] {
  const byBigQuery = batch.records.flatMap((record, row): Rejection[] => {
    const message = rejectedRows.get(row);
    return message === undefined ? [] : [{ record, reason: { code: REJECTION_CODES.rejected, constraint: message } }];
  });
  return [...batch.rejected, ...byBigQuery].sort((a, b) => a.record.offset - b.record.offset);
}
