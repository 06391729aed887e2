import {
  ack,
  type BatchOutcome,
  type FailureOutcome,
  type KafkaRecord,
  partitionName,
  type RecordBatch,
  retry,
} from '@orderstream/kafka';

import { Appends } from './appends';
import { BatchQueue, type QueuedBatch } from './batch-queue';
import { Progress } from './progress';
import { moreRowsThanRecords, type Recovered, recover } from './recovery';
import type { PartitionSinkDependencies, Transactions } from './sink-dependencies';
import { RecoveryAmbiguousError } from './sink-errors';
import { SinkLifecycle, type SinkState } from './sink-lifecycle';
import { StreamAssignment } from './stream-assignment';

/**
 * Writes one partition to BigQuery: records become rows of one COMMITTED write stream at explicit stream offsets, and the
 * partition's transactional producer commits the position. docs/sink-protocol.md describes the protocol. `SinkLifecycle`
 * holds the states, `StreamAssignment` assigns and ends a stream, `Appends` sends and rejects, `Progress` commits.
 *
 * Failure semantics: every record becomes one row or one dead letter, exactly once. A sink lives from `open` to its first
 * failure or to `close`. After an append without an answer, an unexplained error or a commit with an unknown outcome it
 * does nothing more. The next sink fences it, finalizes its stream and counts the durable rows.
 * - Killed between an append and its commit: rows are durable beyond the committed position, and the next owner skips them.
 * - Killed between the assignment of a stream and the first append: the stream is empty.
 * - Killed around a commit: the next owner reads whether it happened.
 *
 * Nothing is written twice.
 */
export class PartitionSink {
  private readonly lifecycle: SinkLifecycle;
  private readonly queue: BatchQueue;
  private readonly progress: Progress;
  private readonly appends: Appends;
  private readonly assignment: StreamAssignment;
  private transactions: Transactions | undefined;
  /** Durable rows whose records were not read yet. */
  private durableRows = 0;
  /** End of the log after recovery finalized the stream. */
  private logEnd = 0;
  /** First offset not taken. */
  private takenUntil = 0;
  private isTaking = false;
  private outcome: FailureOutcome | undefined;

  constructor(private readonly dependencies: PartitionSinkDependencies) {
    this.lifecycle = new SinkLifecycle(partitionName(dependencies.partition), (cause) => {
      this.onFailure(cause);
    });
    this.queue = new BatchQueue({
      mapper: dependencies.mapper,
      limits: dependencies.limits,
      onDue: () => {
        this.appends.sendDue();
      },
    });
    this.progress = new Progress(dependencies, this.lifecycle);
    this.appends = new Appends(dependencies, this.lifecycle, this.queue, this.progress);
    this.assignment = new StreamAssignment(
      dependencies,
      this.lifecycle,
      this.progress,
      () => !this.isTaking && this.pending().length === 0,
    );
  }

  get state(): SinkState {
    return this.lifecycle.state;
  }

  /** First offset that is neither durable nor dead-lettered; undefined until recovery knows it. */
  get position(): number | undefined {
    return this.lifecycle.state === 'opening' ? undefined : this.progress.position;
  }

  /** The status of the sink for operators and metrics. */
  describe() {
    const batches = this.pending();
    const oldest = batches.flatMap((batch) => batch.records.slice(0, 1))[0];
    return {
      state: this.lifecycle.state,
      committed: this.progress.committed,
      stream: this.progress.stream?.name ?? null,
      pendingRecords: batches.reduce((sum, batch) => sum + batch.records.length, 0),
      oldestPendingMs: oldest?.timestamp ?? null,
    };
  }

  /**
   * Fences the previous owner, reads the committed position, finalizes its stream and counts the durable rows.
   * @returns the first offset to read
   */
  async open(): Promise<number> {
    const { dependencies } = this;
    const transactions = await dependencies.openTransactions();
    this.transactions = transactions;
    if (!this.lifecycle.isActive) await transactions.close();
    this.lifecycle.assertActive();
    await dependencies.faults.reach('fenced');
    const recovered = await this.recoverFrom(transactions);
    this.lifecycle.assertActive();
    if (recovered.byQuery) dependencies.observer.fallbackTaken();
    this.progress.begin(transactions, recovered);
    this.takenUntil = recovered.offset;
    this.durableRows = recovered.durableRows;
    this.logEnd = recovered.logEnd;
    this.lifecycle.enter(recovered.durableRows > 0 ? 'counting' : 'ready');
    return recovered.offset;
  }

  /**
   * Takes the next records of the partition. Resolves when there is room for more, not when they are durable: a slow
   * warehouse fills the queue of the partition task, which then pauses the partition.
   */
  async take(batch: RecordBatch): Promise<BatchOutcome> {
    this.isTaking = true;
    try {
      await this.takeAll(batch);
      this.lifecycle.assertActive();
      return ack();
    } catch (error) {
      this.lifecycle.fail(error);
      // Without an outcome the sink was closed, and the partition task ignores the result.
      return this.outcome ?? retry(0, error);
    } finally {
      this.isTaking = false;
      this.lifecycle.notifyChange();
    }
  }

  /** Sends what was taken, waits until it is settled, then ends the stream. Returns early when the signal aborts. */
  async drain(signal: AbortSignal): Promise<void> {
    const isSettled = (): boolean => {
      this.sendAll();
      return !this.isTaking && this.lifecycle.state !== 'rejecting' && this.pending().length === 0;
    };
    try {
      await this.assignment.ending;
      if (await this.waitUntil(isSettled, signal)) await this.assignment.end();
    } catch (error) {
      this.lifecycle.fail(error);
    }
  }

  /**
   * Sends what was taken until now, without its linger time, and commits it.
   * @returns false if it is not known to be committed: the sink recovers, has failed or is closed, or the signal has aborted
   */
  async flush(signal: AbortSignal): Promise<boolean> {
    if (this.lifecycle.state === 'opening' || this.lifecycle.state === 'counting') return false;
    const until = this.takenUntil;
    try {
      this.sendAll();
      if (!(await this.waitUntil(() => this.progress.position >= until, signal))) return false;
      await this.progress.commitPosition();
      return true;
    } catch (error) {
      this.lifecycle.fail(error);
      return false;
    }
  }

  /** Releases the partition at once. The next owner recovers what is in flight. */
  async close(): Promise<void> {
    if (!this.lifecycle.close()) return;
    this.releaseResources();
    await this.transactions?.close();
  }

  private async recoverFrom(transactions: Transactions): Promise<Recovered> {
    const { dependencies } = this;
    try {
      return await recover({
        partition: dependencies.partition,
        committed: transactions.committed,
        logBounds: () => dependencies.logBounds(),
        warehouse: dependencies.warehouse,
        wait: () => dependencies.delay(dependencies.limits.fallbackWaitMs, this.lifecycle.closed),
        faults: dependencies.faults,
      });
    } catch (error) {
      // A new owner that has fenced this one may have caused the ambiguity. Then the partition only has to open again.
      if (error instanceof RecoveryAmbiguousError) await transactions.assertCurrent();
      throw error;
    }
  }

  private async takeAll({ records, nextOffset }: RecordBatch): Promise<void> {
    // Encoding a batch blocks the event loop for tens of milliseconds. This handles pending answers first.
    await new Promise((resolve) => setImmediate(resolve));
    this.lifecycle.assertActive();
    this.assignment.stopIdleTimer();
    const first = this.skipDurable(records, nextOffset);
    for (let index = first; index < records.length; index++) {
      const record = records[index];
      if (record === undefined || record.offset < this.takenUntil) continue;
      if (this.assignment.ending !== undefined) await this.assignment.ending;
      if (this.progress.stream === undefined) await this.assignment.assign(record.offset);
      while (this.isFull()) await this.lifecycle.nextChange();
      this.lifecycle.assertActive();
      this.queue.add(record);
      this.appends.sendDue();
      this.takenUntil = record.offset + 1;
    }
    this.lifecycle.assertActive();
    if (nextOffset > this.takenUntil) this.takenUntil = nextOffset;
    if (this.lifecycle.state !== 'counting') this.settleTrailingOffsets(nextOffset);
    this.assignment.startIdleTimer();
  }

  /**
   * Skips the records of the rows that recovery found durable: the first ones from the position on. It counts records, not
   * offsets, because transaction markers have offsets and no row. Returns the index of the first record to write.
   */
  private skipDurable(records: readonly KafkaRecord[], nextOffset: number): number {
    if (this.lifecycle.state !== 'counting') return 0;
    const { progress } = this;
    const skipped = Math.min(records.length, this.durableRows);
    this.dependencies.observer.skipped(skipped);
    this.durableRows -= skipped;
    if (this.durableRows > 0) {
      if (nextOffset >= this.logEnd) {
        throw moreRowsThanRecords(this.dependencies.partition, this.durableRows, progress.position, this.logEnd);
      }
      return records.length;
    }
    const last = records[skipped - 1];
    if (last !== undefined) progress.advanceTo(last.offset + 1);
    this.lifecycle.enter('ready');
    return skipped;
  }

  /** Settles the transaction markers at the end of a batch, once every record before them is settled. */
  private settleTrailingOffsets(nextOffset: number): void {
    if (this.queue.extendTo(nextOffset) || nextOffset <= this.progress.position) return;
    this.progress.advanceTo(nextOffset);
    this.progress.scheduleCommit();
  }

  /** As many batches wait or are in flight as the limit allows, and one more. */
  private isFull(): boolean {
    this.lifecycle.assertActive();
    return this.queue.length > 0 && this.queue.length + this.appends.length > this.dependencies.limits.maxInFlight;
  }

  private sendAll(): void {
    this.queue.seal();
    this.appends.sendDue();
  }

  /** Returns false if the sink has failed or is closed, or the signal has aborted, before `isDone`. */
  private async waitUntil(isDone: () => boolean, signal: AbortSignal): Promise<boolean> {
    const notify = (): void => {
      this.lifecycle.notifyChange();
    };
    signal.addEventListener('abort', notify, { once: true });
    try {
      for (;;) {
        const done = isDone();
        if (!this.lifecycle.isActive || signal.aborted) return false;
        if (done) return true;
        await this.lifecycle.nextChange();
      }
    } finally {
      signal.removeEventListener('abort', notify);
    }
  }

  private pending(): readonly QueuedBatch[] {
    return [...this.appends.batches, ...this.queue.batches];
  }

  private onFailure(cause: unknown): void {
    this.releaseResources();
    this.outcome = this.dependencies.outcomeOf(cause);
    if (!this.isTaking) this.dependencies.interrupt(this.outcome);
  }

  private releaseResources(): void {
    this.queue.close();
    this.assignment.stopIdleTimer();
    this.progress.close();
  }
}
