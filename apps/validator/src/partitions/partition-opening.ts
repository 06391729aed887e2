import { CATALOG_VERSIONS_TOPIC, type Family, TOPICS } from '@orderstream/contracts';
import { type CommittedOffset, fetchLogBounds, PartitionTransactions, type TopicPartition } from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';
import type {
  Accounting,
  CatalogLimits,
  CatalogVersions,
  LogMark,
  PartitionState,
  StateLimits,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';
import { type CatalogReader, CatalogVersionsMissingError } from '../catalog/catalog-reader';
import type { ValidatorMetrics } from '../validator-metrics';
import { readMetadata } from './commit-metadata';
import type { FaultPoints } from './fault-points';
import { compareLog, type InputLog } from './input-log';
import { EXPIRED, LogMismatchError, RE_CREATED } from './log-mismatch-error';
import { readVersions, restoreState } from './restore-state';
import { RestoredState } from './restored-state';
import type { Semaphore } from './semaphore';
import { StateMismatchError } from './state-mismatch-error';
import { unlessAborted } from './unless-aborted';

/** The largest dead letter: its topic takes no larger record. */
export const MAX_OUTPUT_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));

export interface PartitionOpeningOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly groupId: string;
  readonly ref: TopicPartition;
  readonly log: InputLog;
  readonly stateLimits: StateLimits;
  readonly catalogLimits: CatalogLimits;
  /** Limits the restores that run at once in this process. */
  readonly restores: Semaphore;
  readonly catalog: CatalogReader;
  readonly transactionTimeoutMs: number;
  readonly metrics: ValidatorMetrics;
  readonly logger: Logger;
  readonly faults: FaultPoints;
}

/**
 * Opens a partition, as often as it is assigned or fails: fences older owners, reads the committed offset, brings the
 * state in memory to it, and compares the log with the one that both are of. The state stays in memory between two
 * openings; it is restored from its topic only if another instance has committed meanwhile.
 */
export class PartitionOpening {
  private current: RestoredState | undefined;
  private lastAccounting: Accounting | undefined;
  private position: { readonly nextOffset: number | undefined; readonly topicId: string | undefined } | undefined;

  constructor(private readonly options: PartitionOpeningOptions) {}

  /** The state in memory; undefined before the first restore, and while another one runs. */
  get restored(): RestoredState | undefined {
    return this.current;
  }

  /** The next offset to read, as of the last opening; undefined if nothing was ever committed. */
  get nextOffset(): number | undefined {
    return this.position?.nextOffset;
  }

  /** Id of the input topic, as of the last opening. */
  get topicId(): string | undefined {
    return this.position?.topicId;
  }

  /** The accounts that this instance last knew to be committed. Undefined before the first opening. */
  get accounting(): Accounting | undefined {
    return this.current?.state.accounting ?? this.lastAccounting;
  }

  /** @throws StateMismatchError, StateUnreadableError, LogMismatchError, CatalogVersionsMissingError; what the broker or the signal rejects with */
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
      const restored = await this.broughtTo(transactions, startedMs, signal);
      this.position = await this.positionIn(transactions, restored);
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

  /** The state of the committed offset: the one in memory, or from its topic. */
  private async broughtTo(
    transactions: PartitionTransactions,
    startedMs: number,
    signal: AbortSignal | undefined,
  ): Promise<RestoredState> {
    const { current } = this;
    if (current?.settle(transactions.committed) !== true || (await this.isWithoutVersions(current))) {
      return this.restore(transactions, startedMs, signal);
    }
    return current;
  }

  /** Whether the versions topic was re-created under a state in memory: without a restore it would lack all entities. */
  private async isWithoutVersions({ versions }: RestoredState): Promise<boolean> {
    if (versions?.position === undefined) return false;
    const { ends } = await fetchLogBounds(this.options.kafka, CATALOG_VERSIONS_TOPIC);
    return ends[this.options.ref.partition] === 0;
  }

  private async restore(
    transactions: PartitionTransactions,
    startedMs: number,
    signal: AbortSignal | undefined,
  ): Promise<RestoredState> {
    const { family, ref, restores, metrics, logger } = this.options;
    // The old state leaves the memory before the new one needs it.
    this.lastAccounting = this.accounting;
    this.current = undefined;
    const { state, versions, records } = await restores.run(() => this.read(signal), signal);
    const { committed } = transactions;
    const { offset } = committed;
    if (offset !== undefined && state.nextOffset !== offset) {
      // A new owner may have fenced this one and committed since the committed offset was read.
      await transactions.assertCurrent();
      throw new StateMismatchError(family, ref, offset, state.nextOffset);
    }
    await this.checkVersions(transactions, state, versions);
    const restored = new RestoredState(state, committed, versions);
    this.current = restored;
    const seconds = (performance.now() - startedMs) / 1000;
    metrics.restored(family, records, seconds);
    const recordsPerSecond = Math.round(records / seconds);
    const effectiveWindows = state.effectiveWindows();
    logger.info({ ...ref, records, seconds, recordsPerSecond, effectiveWindows }, 'state restored');
    return restored;
  }

  private async read(
    signal: AbortSignal | undefined,
  ): Promise<{ state: PartitionState; versions: CatalogVersions | undefined; records: number }> {
    const { kafka, family, ref, stateLimits, catalogLimits } = this.options;
    const { state, records } = await restoreState(kafka, family, ref.partition, stateLimits, signal);
    if (family !== 'catalog') return { state, versions: undefined, records };
    const read = await readVersions(kafka, ref.partition, catalogLimits, signal);
    read.versions.finishRestore();
    return { state, versions: read.versions, records: records + read.records };
  }

  /** The versions of the catalog must be those of the state: every commit writes both. */
  private async checkVersions(
    transactions: PartitionTransactions,
    { nextOffset }: PartitionState,
    versions: CatalogVersions | undefined,
  ): Promise<void> {
    if (versions === undefined || versions.position?.rawOffset === nextOffset) return;
    await transactions.assertCurrent();
    const { family, ref } = this.options;
    if (versions.position === undefined) throw new CatalogVersionsMissingError([ref.partition], false);
    throw new StateMismatchError(family, ref, nextOffset, versions.position.rawOffset, 'versions topic');
  }

  /**
   * Where to go on: at the committed offset; at the state's own only if the committed one has expired with its group.
   * Never in a log that is another one, or that lacks what comes next.
   */
  private async positionIn(
    transactions: PartitionTransactions,
    { state }: RestoredState,
  ): Promise<{ readonly nextOffset: number | undefined; readonly topicId: string | undefined }> {
    const { family, ref, log } = this.options;
    const { topicId } = transactions.committed;
    const nextOffset = transactions.committed.offset ?? state.nextOffset;
    if (nextOffset === undefined) return { nextOffset, topicId };
    const known = { nextOffset, topicId, topicIds: topicIdsOf(transactions.committed, state.log), mark: state.log };
    const { difference, start } = await compareLog(log, known);
    if (difference === undefined && start <= nextOffset) return { nextOffset, topicId };
    // A new owner may have committed since.
    await transactions.assertCurrent();
    if (difference !== undefined) throw new LogMismatchError(family, ref, difference, RE_CREATED);
    const found = `the log begins at ${String(start)}, after the next offset ${String(nextOffset)}`;
    throw new LogMismatchError(family, ref, found, EXPIRED);
  }
}

/** The ids of the topic that a commit and a state are of. */
export const topicIdsOf = (
  { metadata }: CommittedOffset,
  mark: LogMark | undefined,
): readonly (string | undefined)[] => [readMetadata(metadata).topicId, mark?.topicId];
