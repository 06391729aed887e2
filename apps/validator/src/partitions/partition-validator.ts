import {
  ack,
  type BatchOutcome,
  type KafkaRecord,
  partitionName,
  type PartitionTransactions,
  type RecordBatch,
  retry,
  stop,
  TransactionFailedError,
} from '@orderstream/kafka';
import { type BatchOperation, type BatchTrace, RecordLog, traceIdOf, type Tracing } from '@orderstream/observability';
import {
  type Accounting,
  type PartitionState,
  type QualitySettings,
  type Reference,
  type RuleEvaluator,
} from '@orderstream/quality';
import { OrderstreamError } from '@orderstream/errors';
import type { Awaited } from '../catalog/catalog-progress';
import { BatchChanges } from './batch-changes';
import { BatchCommitter } from './batch-committer';
import { outcomeOf, receiveOperation } from './batch-tracing';
import {
  type BreakerLimits,
  CircuitBreaker,
  RejectRateError,
  type Suspension,
  type SuspensionStatus,
} from './circuit-breaker';
import { type EvaluatedBatch, evaluateBatch } from './evaluate-batch';
import { type EvaluatedBy, Outputs } from './outputs';
import { PartitionOpening, type PartitionOpeningOptions } from './partition-opening';
import type { RestoredState } from './restored-state';

/** After a failed transaction. */
const RETRY_AFTER_MS = 100;
/** After any other error that may pass. */
const FAILED_RETRY_AFTER_MS = 1_000;
/** After another instance has fenced this one. The rebalance must arrive first, or the two fence each other. */
const FENCED_RETRY_AFTER_MS = 3_000;
/** Bound of the log lines about single records, for each partition. */
const MAX_RECORD_LINES_PER_SECOND = 2;

/** What a batch is evaluated by: all of its records, also those that wait for the catalog, by the same. */
export interface BatchRules {
  readonly evaluator: RuleEvaluator;
  readonly quality: QualitySettings;
  readonly breaker: BreakerLimits;
}

export interface PartitionValidatorOptions extends PartitionOpeningOptions {
  /** What is in force now. Asked once for each batch. */
  readonly rules: () => BatchRules;
  readonly tracing: Tracing;
  /** Wall clock: see `EvaluationOptions.now`. */
  readonly clock: () => Date;
}

/**
 * The consume-transform-produce loop of one input partition.
 *
 * Failure semantics: validated records, dead letters, state changes and the committed offset of a batch are one
 * transaction. Each input record therefore has its outcome exactly once, in the order of the input. Killed before the
 * commit, the next owner evaluates the batch again from the same state; killed after it, the state topic has the
 * changes. Opening fences older owners before it reads the committed offset. After a commit of unknown outcome the
 * partition opens again, and the committed offset decides: each commit carries a token, and the changes count only if
 * both offset and token are those of the batch. If they are those of the commit before, the changes are discarded; if
 * they are neither, the state is restored. Readers of committed records never see anything of an aborted transaction.
 */
export class PartitionValidator {
  private readonly opening: PartitionOpening;
  private readonly outputs: Outputs;
  private readonly breaker: CircuitBreaker;
  private readonly committer: BatchCommitter;
  private readonly operation: BatchOperation;
  private transactions: PartitionTransactions | undefined;
  private isTripped = false;
  /** The end of the last piece of work on the state: one after the other. */
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: PartitionValidatorOptions) {
    const { family, ref, rules, metrics, logger, faults } = options;
    this.opening = new PartitionOpening(options);
    this.outputs = new Outputs(family);
    this.breaker = new CircuitBreaker(rules().breaker);
    this.committer = new BatchCommitter({
      family,
      ref,
      breaker: this.breaker,
      metrics,
      recordLog: new RecordLog(logger, MAX_RECORD_LINES_PER_SECOND),
      faults,
    });
    this.operation = receiveOperation(options.groupId, ref);
  }

  /** The committed state while this instance owns the partition. */
  get state(): PartitionState | undefined {
    return this.transactions === undefined ? undefined : this.opening.restored?.state;
  }

  /** The accounts that this instance last knew to be committed. Undefined before the first opening. */
  get accounting(): Accounting | undefined {
    return this.opening.accounting;
  }

  /** Lets the partition go on without its circuit breaker, also after it was closed and opened again. */
  suspendBreaker(suspension: Suspension): void {
    this.breaker.suspend(suspension);
  }

  get breakerSuspension(): SuspensionStatus | undefined {
    return this.breaker.suspension;
  }

  /** The breaker has stopped the partition. */
  get hasTripped(): boolean {
    return this.isTripped;
  }

  /**
   * Fences older owners and brings the state to the committed offset.
   * @returns the next offset to read; undefined if nothing was ever committed
   */
  async open(signal?: AbortSignal): Promise<number | undefined> {
    this.transactions = await this.opening.open(signal);
    // What an earlier opening has not ended is fenced.
    this.turn = Promise.resolve();
    this.breaker.reset();
    this.isTripped = false;
    return this.opening.nextOffset;
  }

  /** Evaluates a batch and commits its outcome. */
  async handle(batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const trace = this.options.tracing.begin(this.operation, batch.records);
    try {
      const rules = this.options.rules();
      this.breaker.limit(rules.breaker);
      const mark = this.options.catalog.mark();
      let { records } = batch;
      let catalog: Awaited = 'waiting';
      do {
        const left = records;
        const awaited = catalog;
        const { end, complete } = await this.exclusive(async () => {
          const startedMs = performance.now();
          const changes = new BatchChanges(this.owned().restored);
          const evaluated = this.evaluate(left, changes, awaited, rules);
          trace?.step('evaluate', startedMs);
          const { missing } = evaluated;
          const done = missing.length === 0;
          // The records before one that waits are committed meanwhile. Only the records behind it wait with it.
          const waiting = done ? undefined : this.waitForCatalog(missing, mark, signal);
          waiting?.catch(() => undefined);
          if (done || evaluated.end > 0) {
            await this.commit(changes, evaluated, left[evaluated.end]?.offset ?? batch.nextOffset, rules, trace);
            trace?.settle((record) => outcomeOf(record, left, evaluated));
          }
          return { end: evaluated.end, complete: waiting };
        });
        if (complete === undefined) break;
        catalog = await complete;
        records = records.slice(end);
      } while (!signal.aborted);
      trace?.end();
      const rejected = this.breaker.tripped();
      if (rejected === undefined) return ack();
      this.isTripped = true;
      return stop(new RejectRateError(batch, rejected, this.breaker.windowRecords));
    } catch (error) {
      // The partition was revoked while a record waited for the catalog: no failure.
      if (signal.aborted && error === signal.reason) {
        trace?.end();
        return retry(0, error);
      }
      trace?.fail(error);
      return this.outcomeOf(error);
    }
  }

  /**
   * Removes customers from the state, between two batches: tombstones and the unchanged offset are one transaction.
   *
   * @returns how many entries were removed; undefined if this instance does not have the partition open
   * @throws TransactionFailedError: the partition must open again, and the command be repeated
   */
  forgetCustomers(isMeant: (customerId: string) => boolean): Promise<number | undefined> {
    return this.exclusive(async () => {
      if (this.transactions === undefined || this.opening.restored === undefined) return undefined;
      const { transactions, restored } = this.owned();
      const changes = new BatchChanges(restored);
      const removed = changes.state.forgetCustomers(isMeant);
      const { nextOffset } = restored.state;
      if (removed === 0 || nextOffset === undefined) return 0;
      await this.committer.commitChanges(transactions, restored, changes, nextOffset);
      return removed;
    });
  }

  /** Closes the partition. The state stays in memory until `forget`, for the case that the partition comes back. */
  async close(): Promise<void> {
    const { transactions } = this;
    this.transactions = undefined;
    this.isTripped = false;
    await transactions?.close();
  }

  /** Drops the state, unless the partition is open. */
  forget(): void {
    if (this.transactions === undefined) this.opening.forget();
  }

  /** Runs work on the state when the work before it has ended, however that ended. */
  private exclusive<T>(work: () => Promise<T>): Promise<T> {
    const done = this.turn.then(work);
    this.turn = done.catch(() => undefined);
    return done;
  }

  private evaluate(
    records: readonly KafkaRecord[],
    changes: BatchChanges,
    awaited: Awaited,
    { evaluator, quality }: BatchRules,
  ): EvaluatedBatch {
    const { family, catalog, clock, logger } = this.options;
    const evaluatedBy: EvaluatedBy = {
      settings: Buffer.from(quality.version),
      catalogPosition: family === 'orders' ? catalog.positionHeader() : undefined,
    };
    const evaluated = evaluateBatch(records, changes.state, {
      evaluator,
      catalog: awaited === 'behind' ? catalog.catalogBehind : catalog.catalog,
      catalogComplete: awaited !== 'waiting',
      versions: changes.versions,
      outputs: this.outputs,
      evaluatedBy,
      now: clock(),
    });
    const last = records[evaluated.end - 1];
    changes.state.log = {
      topicId: this.opening.topicId,
      lastOffset: last?.offset ?? changes.state.log?.lastOffset,
      lastAppendMs: last?.timestamp ?? changes.state.log?.lastAppendMs,
    };
    for (const { record, error } of evaluated.ruleFailures) {
      const { topic, partition, offset, headers } = record;
      logger.error(
        { err: error, topic, partition, offset, trace_id: traceIdOf(headers) },
        'a rule failed on this record',
      );
    }
    return evaluated;
  }

  private async commit(
    changes: BatchChanges,
    batch: EvaluatedBatch,
    offset: number,
    { quality }: BatchRules,
    trace: BatchTrace<KafkaRecord> | undefined,
  ): Promise<void> {
    const { transactions, restored } = this.owned();
    const startedMs = performance.now();
    await this.committer.commit(transactions, restored, changes, batch, offset, quality.actions);
    trace?.step('commit', startedMs);
  }

  private async waitForCatalog(missing: readonly Reference[], mark: number, signal: AbortSignal): Promise<Awaited> {
    const { catalog, faults, ref, logger, metrics } = this.options;
    const [first] = missing;
    logger.debug({ ...ref, entity: first?.entity, id: first?.id }, 'waits for the catalog');
    const end = metrics.waiting(ref);
    try {
      await faults.reached('waiting', ref);
      const awaited = await catalog.completeSince(mark, signal);
      if (awaited === 'behind') {
        logger.warn(
          { ...ref, entity: first?.entity, id: first?.id },
          'the validator of the catalog makes no progress: what it has not evaluated is unknown to this record',
        );
      }
      return awaited;
    } finally {
      end();
    }
  }

  private outcomeOf(error: unknown): BatchOutcome {
    const { ref, logger } = this.options;
    if (error instanceof TransactionFailedError) {
      logger.warn({ ...ref, outcome: error.outcome, fenced: error.fenced, err: error }, 'a transaction failed');
      return retry(error.fenced ? FENCED_RETRY_AFTER_MS : RETRY_AFTER_MS, error);
    }
    // An error that is not retriable stops the partition; any other may be the broker's.
    if (error instanceof OrderstreamError && !error.retriable) return stop(error);
    logger.warn({ ...ref, err: error }, 'a batch failed');
    return retry(FAILED_RETRY_AFTER_MS, error);
  }

  private owned(): { readonly transactions: PartitionTransactions; readonly restored: RestoredState } {
    const { transactions, options } = this;
    const { restored } = this.opening;
    if (transactions === undefined || restored === undefined) {
      throw new TypeError(`${partitionName(options.ref)} is not open`);
    }
    return { transactions, restored };
  }
}
