import { buildDeadLetter, isParked } from '@orderstream/dead-letters';
import type { OutputRecord } from '@orderstream/kafka';

import type { OpenStream, Progress } from './progress';
import { MAX_REJECTED_IN_A_ROW, type RejectedRun } from './rejected-run';
import type { PartitionSinkDependencies } from './sink-dependencies';
import { LetterRejectedError, RowsRejectedError } from './sink-errors';

/** The dead letters of a partition's sink. */
export class Rejections {
  private inARow = 0;

  constructor(
    private readonly dependencies: PartitionSinkDependencies,
    private readonly progress: Progress,
  ) {}

  /** BigQuery has accepted rows. */
  accepted(): void {
    this.inARow = 0;
  }

  /**
   * Dead-letters the next records of a run. Everything before them is durable, and nothing is in flight. One transaction
   * commits the dead letters and the position behind them.
   *
   * @throws RowsRejectedError after 20 rejections without an accepted row; LetterRejectedError for a record that is a dead
   * letter itself
   */
  async deadLetter(run: RejectedRun, stream: OpenStream): Promise<void> {
    const { faults, observer, now, partition } = this.dependencies;
    const { progress } = this;
    if (!this.dependencies.deadLetters) throw new LetterRejectedError(partition, run.next);
    const rejections = run.first(MAX_REJECTED_IN_A_ROW - this.inARow);
    const last = rejections.at(-1);
    if (last === undefined) throw new RowsRejectedError(partition, MAX_REJECTED_IN_A_ROW, run.next);
    await faults.reach('rejection-settled');
    const records = rejections.map(({ record, reason }) =>
      buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: now() }),
    );
    const offset = last.record.offset + 1;
    await progress.commit(() => ({ position: progress.positionAt(offset, stream), records }));
    run.removeFirst(rejections.length);
    this.inARow += rejections.length;
    progress.advanceTo(run.settled ? run.endOffset : offset);
    progress.scheduleCommit();
    observer.rejected(rejections.map((rejection, i) => ({ ...rejection, isParked: isParkedAt(records, i) })));
    await faults.reach('rejection-committed');
  }
}

const isParkedAt = (letters: readonly OutputRecord[], index: number): boolean => {
  const letter = letters[index];
  return letter !== undefined && isParked(letter);
};
