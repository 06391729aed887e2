import { randomUUID } from 'node:crypto';
import { type Family, TOPICS } from '@orderstream/contracts';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import {
  ack,
  type BatchOutcome,
  type CommittedPosition,
  type KafkaRecord,
  type OutputRecord,
  type PartitionRef,
  PartitionTransactions,
  type RecordBatch,
  retry,
  stop,
  TransactionFailedError,
} from '@orderstream/kafka';
import { type Logger, RecordLog, traceIdOf } from '@orderstream/observability';
import {
  type Accounting,
  type RuleEvaluator,
  type Evaluation,
  type PartitionState,
  type QualitySettings,
  type Reference,
  type StateLimits,
  StateOverlay,
} from '@orderstream/quality';
import { OrderstreamError } from '@orderstream/errors';
import type { Kafka } from 'kafkajs';
import type { CatalogReader } from '../catalog/catalog-reader';
import type { ValidatorMetrics } from '../validator-metrics';
import { CircuitBreaker, RejectRateError } from './circuit-breaker';
import type { FaultPoints } from './fault-points';
import { type EvaluatedBy, Outputs } from './outputs';
import { restoreState } from './restore-state';
import { StateMismatchError } from './state-mismatch-error';
import { Semaphore } from './semaphore';
import { unlessAborted } from './unless-aborted';

/** How often a rule may throw on a record before the record is given up. */
const RULE_ATTEMPTS = 3;
/** The largest dead letter: the topic takes no larger record. */
const MAX_OUTPUT_BYTES = Math.max(...TOPICS.map(({ maxMessageBytes }) => maxMessageBytes));
/** After a failed transaction. */
const RETRY_AFTER_MS = 100;
/** After anything else that may pass. */
const FAILED_RETRY_AFTER_MS = 1_000;
/** After another instance took over: time for this one to hear of the rebalance, or the two would fence each other. */
const FENCED_RETRY_AFTER_MS = 3_000;
/** Lines about single records, of each partition. */
const MAX_RECORD_LINES_PER_SECOND = 2;

export interface PartitionValidatorOptions {
  readonly kafka: Kafka;
  readonly family: Family;
  readonly groupId: string;
  readonly ref: PartitionRef;
  readonly evaluator: RuleEvaluator;
  readonly settings: QualitySettings;
  readonly stateLimits: StateLimits;
  /** Shared with the other partitions of this process, for restoring. */
  readonly restores?: Semaphore;
  readonly catalog: CatalogReader;
  readonly transactionTimeoutMs: number;
  readonly breaker: { readonly windowRecords: number; readonly maxShare: number };
  readonly metrics: ValidatorMetrics;
  readonly logger: Logger;
  readonly faults: FaultPoints;
  /** Wall clock, for `dlq-failed-at` only. */
  readonly clock: () => Date;
}

/** A position as a commit leaves it: the token tells our commits from those of any other instance. */
interface Position {
  readonly offset: number | undefined;
  readonly token: string | undefined;
}

/** A batch whose transaction may or may not have been committed. */
interface Undecided {
  readonly overlay: StateOverlay;
  readonly offset: number;
  readonly token: string;
}

/** The state of a position. */
interface Kept {
  readonly state: PartitionState;
  position: Position;
  undecided: Undecided | undefined;
}

interface DeadLettered {
  readonly record: KafkaRecord;
  readonly reasons: readonly DeadLetterReason[];
}

/** What was made of a batch, or of the part of it before a record that has to wait. */
interface EvaluatedBatch {
  readonly overlay: StateOverlay;
  readonly outputs: OutputRecord[];
  readonly rejections: readonly boolean[];
  readonly deadLettered: readonly DeadLettered[];
  /** Index of the first record that is not part of it. */
  readonly end: number;
  readonly missing: readonly Reference[];
}

/**
 * One input partition's consume-transform-produce loop.
 *
 * Failure semantics: validated records, dead letters, state changes and the input position of a batch are one
 * transaction, so each input record has its outcome exactly once, in the order of the input. Killed anywhere before
 * the commit, the batch is evaluated again from the same state; killed after it, the state topic has its changes. An
 * older owner is fenced when this one opens, before the position is read. After a commit whose outcome is unknown the
 * committed position tells: each commit carries a token, and only the very position and token of the undecided batch
 * make its changes count; those of the position before it discard them; anything else restores the state anew.
 * Nothing of an aborted transaction is ever visible to readers of committed records.
 */
export class PartitionValidator {
  private readonly outputs: Outputs;
  private readonly breaker: CircuitBreaker;
  private readonly recordLog: RecordLog;
  private readonly instance = randomUUID();
  private readonly settingsVersion: Buffer;
  private commits = 0;
  private transactions: PartitionTransactions | undefined;
  private kept: Kept | undefined;
  private lastAccounts: Accounting | undefined;

  constructor(private readonly options: PartitionValidatorOptions) {
    this.outputs = new Outputs(options.family);
    this.breaker = new CircuitBreaker(options.breaker.windowRecords, options.breaker.maxShare);
    this.recordLog = new RecordLog(options.logger, MAX_RECORD_LINES_PER_SECOND);
    this.settingsVersion = Buffer.from(options.settings.version);
  }

  /** The committed state while this instance owns the partition. */
  get state(): PartitionState | undefined {
    return this.transactions === undefined ? undefined : this.kept?.state;
  }

  /**
   * The accounts as last known to be committed by or to this instance, also while it opens the partition anew. Undefined
   * before the first opening.
   */
  get accounting(): Accounting | undefined {
    return this.kept?.state.accounting ?? this.lastAccounts;
  }

  /** Fences older owners, then brings the state to the committed position. Returns that position. */
  async open(signal?: AbortSignal): Promise<number | undefined> {
    const { kafka, groupId, ref, family, transactionTimeoutMs, faults, metrics, logger } = this.options;
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
      if (!this.settle(transactions.committed)) {
        const { restores = new Semaphore(1), stateLimits } = this.options;
        const { state, records } = await restores.run(
          () => restoreState(kafka, family, ref.partition, stateLimits, signal),
          signal,
        );
        const { offset } = transactions.committed;
        if (offset !== undefined && state.nextOffset !== offset) {
          await transactions.assertCurrent();
          throw new StateMismatchError(ref, offset, state);
        }
        this.kept = { state, position: positionOf(transactions.committed), undecided: undefined };
        const seconds = (performance.now() - startedMs) / 1000;
        metrics.restored(family, records, seconds);
        const recordsPerSecond = Math.round(records / seconds);
        const effectiveWindows = state.effectiveWindows();
        logger.info({ ...ref, records, seconds, recordsPerSecond, effectiveWindows }, 'state restored');
      }
      if (family === 'orders') await unlessAborted(this.options.catalog.caughtUp(), signal);
      await faults.reached('restored', ref);
    } catch (error) {
      await transactions.close();
      throw error;
    }
    this.transactions = transactions;
    this.breaker.reset();
    // Committed positions expire with an idle group; the state knows its own.
    return transactions.committed.offset ?? this.kept?.state.nextOffset;
  }

  /** Evaluates a batch and commits what became of it. */
  async handle(batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    try {
      const mark = this.options.catalog.mark();
      let catalogComplete = false;
      let from = 0;
      do {
        const part = this.evaluateBatch(batch, from, catalogComplete);
        const done = part.missing.length === 0;
        // The part before a record that waits is committed meanwhile: only that record's successors wait with it.
        const complete = done ? undefined : this.waitForCatalog(part.missing, mark, signal);
        complete?.catch(() => undefined);
        if (done || part.end > from) {
          await this.commit(part, batch.records[part.end]?.offset ?? batch.nextOffset, part.end - from);
        }
        await complete;
        catalogComplete = true;
        from = part.end;
        if (done) break;
      } while (!signal.aborted);
      const rejected = this.breaker.tripped();
      if (rejected === undefined) return ack();
      return stop(new RejectRateError(batch, rejected, this.options.breaker.windowRecords));
    } catch (error) {
      // Told to let go while a record waits for the catalog: no failure.
      if (signal.aborted && error === signal.reason) return retry(0, error);
      return this.outcomeOf(error);
    }
  }

  /** Lets the partition go. The state is kept for the case that it comes back, until `forget`. */
  async close(): Promise<void> {
    const { transactions } = this;
    this.transactions = undefined;
    await transactions?.close();
  }

  /** Drops the state of a partition that is not open. */
  forget(): void {
    if (this.transactions !== undefined) return;
    this.kept = undefined;
    this.lastAccounts = undefined;
  }

  /** Whether the kept state can be brought to the committed position without reading it anew. */
  private settle(committed: CommittedPosition): boolean {
    const { kept } = this;
    if (kept === undefined) return false;
    const { undecided } = kept;
    const at = ({ offset, token }: Position): boolean =>
      committed.offset === offset && tokenOf(committed.metadata) === token;
    if (undecided !== undefined && at(undecided)) {
      undecided.overlay.fold(undecided.offset);
      kept.position = { offset: undecided.offset, token: undecided.token };
    } else if (!at(kept.position)) {
      this.lastAccounts = kept.state.accounting;
      this.kept = undefined;
      return false;
    }
    kept.undecided = undefined;
    return true;
  }

  private evaluateBatch(batch: RecordBatch, from: number, catalogComplete: boolean): EvaluatedBatch {
    const overlay = new StateOverlay(this.owned().state);
    const outputs: OutputRecord[] = [];
    const rejections: boolean[] = [];
    const deadLettered: DeadLettered[] = [];
    const now = this.options.clock();
    const evaluatedBy: EvaluatedBy = {
      settings: this.settingsVersion,
      catalogPosition: this.options.family === 'orders' ? this.options.catalog.positionHeader() : undefined,
    };
    const { records } = batch;
    for (let index = from; index < records.length; index++) {
      const record = records[index];
      if (record === undefined) break;
      overlay.advanceTo(record.timestamp);
      const { verdict, changes } = this.evaluateRecord(record, overlay, catalogComplete);
      if (verdict.kind === 'wait') {
        return { overlay, outputs, rejections, deadLettered, end: index, missing: verdict.missing };
      }
      overlay.settle(verdict, changes, record.timestamp);
      rejections.push(verdict.kind === 'reject');
      if (verdict.kind === 'reject') deadLettered.push({ record, reasons: verdict.reasons });
      const output = this.outputs.forVerdict(record, verdict, evaluatedBy, now);
      if (output !== undefined) outputs.push(output);
    }
    return { overlay, outputs, rejections, deadLettered, end: records.length, missing: [] };
  }

  /** A rule that throws on a record gets it again, alone; then the record is rejected, not the partition stopped. */
  private evaluateRecord(record: KafkaRecord, overlay: StateOverlay, catalogComplete: boolean): Evaluation {
    const { evaluator, catalog, logger } = this.options;
    for (let attempt = 1; ; attempt++) {
      try {
        return evaluator.evaluate(record, overlay, catalog.catalog, catalogComplete);
      } catch (error) {
        if (attempt < RULE_ATTEMPTS) continue;
        const { topic, partition, offset } = record;
        logger.error(
          { err: error, topic, partition, offset, trace_id: traceIdOf(record.headers) },
          'a rule failed on this record',
        );
        const constraint = error instanceof Error ? error.name : 'thrown';
        const reasons = [{ code: 'internal.rule_failed', path: 'value', constraint }] as const;
        return { verdict: { kind: 'reject', reasons }, changes: [] };
      }
    }
  }

  private async waitForCatalog(missing: readonly Reference[], mark: number, signal: AbortSignal): Promise<void> {
    const { catalog, faults, ref, logger, metrics } = this.options;
    const [first] = missing;
    logger.debug({ ...ref, entity: first?.entity, id: first?.id }, 'waits for the catalog');
    const end = metrics.waiting(ref);
    try {
      await faults.reached('waiting', ref);
      await catalog.completeSince(mark, signal);
    } finally {
      end();
    }
  }

  private async commit(part: EvaluatedBatch, offset: number, records: number): Promise<void> {
    const { family, ref, faults, metrics } = this.options;
    const { kept, transactions } = this.owned();
    const { overlay, outputs } = part;
    await faults.reached('evaluated', ref);
    for (const change of overlay.stateRecords(offset)) outputs.push(this.outputs.forState(ref.partition, change));
    const token = `${this.instance}.${String(++this.commits)}`;
    kept.undecided = { overlay, offset, token };
    const startedMs = performance.now();
    await transactions.commit({ records: outputs, offset, metadata: JSON.stringify({ v: 1, t: token }) });
    await faults.reached('committed', ref);
    metrics.committed(
      family,
      records,
      (performance.now() - startedMs) / 1000,
      kept.state.accounting,
      overlay.accounting,
    );
    overlay.fold(offset);
    kept.position = { offset, token };
    kept.undecided = undefined;
    for (const rejected of part.rejections) this.breaker.count(rejected);
    for (const { record, reasons } of part.deadLettered) {
      this.recordLog.info(record, { reason: reasons[0]?.code, path: reasons[0]?.path }, 'dead-lettered');
    }
    await faults.reached('folded', ref);
  }

  private outcomeOf(error: unknown): BatchOutcome {
    const { ref, logger } = this.options;
    if (error instanceof TransactionFailedError) {
      logger.warn({ ...ref, outcome: error.outcome, fenced: error.fenced, err: error }, 'a transaction failed');
      return retry(error.fenced ? FENCED_RETRY_AFTER_MS : RETRY_AFTER_MS, error);
    }
    // What says of itself that trying again is of no use stops the partition; anything else may be the broker's.
    if (error instanceof OrderstreamError && !error.retriable) return stop(error);
    logger.warn({ ...ref, err: error }, 'a batch failed');
    return retry(FAILED_RETRY_AFTER_MS, error);
  }

  private owned(): {
    readonly kept: Kept;
    readonly state: PartitionState;
    readonly transactions: PartitionTransactions;
  } {
    const { kept, transactions, options } = this;
    if (kept === undefined || transactions === undefined) {
      throw new TypeError(`${options.ref.topic}/${String(options.ref.partition)} is not open`);
    }
    return { kept, state: kept.state, transactions };
  }
}

const positionOf = ({ offset, metadata }: CommittedPosition): Position => ({ offset, token: tokenOf(metadata) });

/** The token in a commit's metadata; undefined for what somebody else wrote there. */
function tokenOf(metadata: string | undefined): string | undefined {
  if (metadata === undefined || metadata === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(metadata);
    if (typeof parsed !== 'object' || parsed === null || !('t' in parsed)) return undefined;
    return typeof parsed.t === 'string' ? parsed.t : undefined;
  } catch {
    return undefined;
  }
}
