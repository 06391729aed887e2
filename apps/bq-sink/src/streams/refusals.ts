import { buildDeadLetter } from '@orderstream/dead-letters';

import type { MicroBatch, Refusal } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { REFUSALS } from './row-mapper';
import type { PartitionSinkParts } from './sink-parts';

/**
 * Takes refused records out of a batch of which nothing has landed: dead letters, exclusions and the position in one
 * transaction, and only then out of the rows. The position goes up to the first record that is left.
 * @param refusedRows rows that BigQuery refused: index and what it said
 */
export async function commitRefusal(
  { faults, observer, now }: PartitionSinkParts,
  progress: Progress,
  stream: OpenStream,
  batch: MicroBatch,
  refusedRows: ReadonlyMap<number, string>,
): Promise<void> {
  await faults.reach('refusal-settled');
  const refusals = refusalsOf(batch, refusedRows);
  const exclusions = progress.exclusions.with(refusals.map(({ record }) => record.offset));
  const survivor = batch.records.find((_, row) => !refusedRows.has(row));
  const offset = survivor?.offset ?? batch.endOffset;
  await progress.commit(() => ({
    position: progress.at(offset, stream, exclusions),
    records: refusals.map(({ record, reason }) =>
      buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: now() }),
    ),
  }));
  progress.exclusions = exclusions;
  progress.passTo(offset);
  observer.refused(refusals);
  await faults.reach('refusal-committed');
  batch.prune(new Set(refusedRows.keys()));
}

function refusalsOf(batch: MicroBatch, refusedRows: ReadonlyMap<number, string>): readonly Refusal[] {
  const byBigQuery = batch.records.flatMap((record, row): Refusal[] => {
    const message = refusedRows.get(row);
    return message === undefined ? [] : [{ record, reason: { code: REFUSALS.refused, constraint: message } }];
  });
  return [...batch.refused, ...byBigQuery].sort((a, b) => a.record.offset - b.record.offset);
}
