import { type Family, TOPICS } from '@orderstream/contracts';
import { PartitionTransactions, type TopicPartition } from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';
import type { Accounting, StateLimits } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import type { CatalogReader } from '../catalog/catalog-reader';
import type { ValidatorMetrics } from '../validator-metrics';
import type { FaultPoints } from './fault-points';
import { restoreState } from './restore-state';
import { RestoredState } from './restored-state';
import type { Semaphore } from './semaphore';
import { StateMismatchError } from './state-mismatch-error';
import { unlessAborted } from './unless-aborted';

/** The largest dead letter: its topic takes no larger record. */
const MAX_OUTPUT_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

export interface PartitionOpeningOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly groupId: string;
  readonly ref: TopicPartition;
  readonly stateLimits: StateLimits;
  /** Limits the restores that run at once in this process. */
  readonly restores: Semaphore;
  readonly catalog: CatalogReader;
  readonly transactionTimeoutMs: number;
  readonly metrics: ValidatorMetrics;
  readonly logger: Logger;
  readonly faults: FaultPoints;
}

/**
 * Opens a partition, as often as it is assigned or fails: fences older owners, reads the committed offset, and brings
 * the state in memory to it. The state stays in memory between two openings; it is restored from its topic only if
 * another instance has committed meanwhile.
 */
export class PartitionOpening {
  private current: RestoredState | undefined;
  private lastAccounting: Accounting | undefined;

  constructor(private readonly options: PartitionOpeningOptions) {}

  /** The state in memory; undefined before the first restore, and while another one runs. */
  get restored(): RestoredState | undefined {
    return this.current;
  }

  /** The accounts that this instance last knew to be committed. Undefined before the first opening. */
  get accounting(): Accounting | undefined {
    return this.current?.state.accounting ?? this.lastAccounting;
  }

  /** @throws StateMismatchError, StateUnreadableError; what the broker or the signal rejects with */
  async open(signal: AbortSignal | undefined): Promise<PartitionTransactions> {
    const { kafka, groupId, ref, family, transactionTimeoutMs, faults, metrics, catalog } = this.options;
    const startedMs = performance.now();
    const transactions = await PartitionTransactions.open(kafka, {
      groupId,
      ...ref,
      transactionTimeoutMs,
      maxRecordBytes: MAX_OUTPUT_BYTES,
      onFailure: metrics.transactionFailed,
    });
    try {
      await faults.reached('fenced', ref);
      if (this.current?.settle(transactions.committed) !== true) await this.restore(transactions, startedMs, signal);
      if (family === 'orders') await unlessAborted(catalog.caughtUp(), signal);
      await faults.reached('restored', ref);
    } catch (error) {
      await transactions.close();
      throw error;
    }
    return transactions;
  }

  /** Drops the state. The next opening restores it. */
  forget(): void {
    this.current = undefined;
    this.lastAccounting = undefined;
  }

  private async restore(
    transactions: PartitionTransactions,
    startedMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { kafka, family, ref, stateLimits, restores, metrics, logger } = this.options;
    // The old state leaves the memory before the new one needs it.
    this.lastAccounting = this.accounting;
    this.current = undefined;
    const { state, records } = await restores.run(
      () => restoreState(kafka, family, ref.partition, stateLimits, signal),
      signal,
    );
    const { offset } = transactions.committed;
    if (offset !== undefined && state.nextOffset !== offset) {
      // A new owner may have fenced this one and committed since the committed offset was read.
      await transactions.assertCurrent();
      throw new StateMismatchError(ref, offset, state);
    }
    this.current = new RestoredState(state, transactions.committed);
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.restored(family, records, seconds);
    const recordsPerSecond = Math.round(records / seconds);
    const effectiveWindows = state.effectiveWindows();
    logger.info({ ...ref, records, seconds, recordsPerSecond, effectiveWindows }, 'state restored');
  }
}
