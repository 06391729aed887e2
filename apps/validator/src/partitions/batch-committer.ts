import { randomUUID } from 'node:crypto';
import { type Family, stateTopic } from '@orderstream/contracts';
import type { OutputRecord, PartitionTransactions, TopicPartition } from '@orderstream/kafka';
import type { RecordLog } from '@orderstream/observability';
import type { QualitySettings } from '@orderstream/quality';
import type { ValidatorMetrics } from '../validator-metrics';
import type { BatchChanges } from './batch-changes';
import type { CircuitBreaker } from './circuit-breaker';
import { commitMetadata } from './commit-metadata';
import type { EvaluatedBatch } from './evaluate-batch';
import type { FaultPoints } from './fault-points';
import type { RestoredState, UnknownOutcome } from './restored-state';

export interface BatchCommitterOptions {
  readonly family: Family;
  readonly ref: TopicPartition;
  readonly breaker: CircuitBreaker;
  readonly metrics: ValidatorMetrics;
  readonly recordLog: RecordLog;
  readonly faults: FaultPoints;
}

/** Commits the evaluated batches of one partition. */
export class BatchCommitter {
  private readonly instance = randomUUID();
  private commits = 0;

  constructor(private readonly options: BatchCommitterOptions) {}

  /**
   * Commits outputs, state changes and the offset in one transaction, then folds the changes into the state.
   * @param actions of the rules that evaluated the batch, for the metrics
   * @param offset the next offset to read after the batch
   * @throws TransactionFailedError: nothing of it counts, or its outcome is unknown
   */
  async commit(
    transactions: PartitionTransactions,
    restored: RestoredState,
    changes: BatchChanges,
    batch: EvaluatedBatch,
    offset: number,
    actions: QualitySettings['actions'],
  ): Promise<void> {
    const { family, ref, breaker, metrics, recordLog, faults } = this.options;
    await faults.reached('evaluated', ref);
    const startedMs = performance.now();
    const begun = await this.send(transactions, restored, changes, batch.outputs, offset);
    await faults.reached('committed', ref);
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.committed(family, batch.end, seconds, restored.state.accounting, changes.state.accounting, actions);
    restored.fold(begun);
    for (const verdict of batch.verdicts) breaker.count(verdict === 'reject');
    for (const { record, reasons, isParked } of batch.deadLettered) {
      if (isParked) metrics.parked(family, reasons[0]?.code ?? 'unknown');
      const text = isParked ? 'dead-lettered and parked' : 'dead-lettered';
      recordLog.info(record, { reason: reasons[0]?.code, path: reasons[0]?.path }, text);
    }
    await faults.reached('folded', ref);
  }

  /**
   * Commits a change of the state that no record of the input has caused, with the offset as it is.
   * @throws TransactionFailedError: nothing of it counts, or its outcome is unknown
   */
  async commitChanges(
    transactions: PartitionTransactions,
    restored: RestoredState,
    changes: BatchChanges,
    offset: number,
  ): Promise<void> {
    restored.fold(await this.send(transactions, restored, changes, [], offset));
  }

  private async send(
    transactions: PartitionTransactions,
    restored: RestoredState,
    changes: BatchChanges,
    outputs: readonly OutputRecord[],
    offset: number,
  ): Promise<UnknownOutcome> {
    const { family, ref } = this.options;
    const records = [...outputs, ...changes.records(stateTopic(family), ref.partition, offset)];
    const token = `${this.instance}.${String(++this.commits)}`;
    const begun = restored.begin(changes, offset, token);
    await transactions.commit({ records, offset, metadata: commitMetadata(token, changes.state.log?.topicId) });
    return begun;
  }
}
