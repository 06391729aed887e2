import {
  ack,
  type BatchOutcome,
  type FailureOutcome,
  type KafkaRecord,
  type RecordBatch,
  retry,
} from '@orderstream/kafka';

import { Appends } from './appends';
import { BatchQueue } from './batch-queue';
import type { MicroBatch } from './micro-batch';
import { passDurable } from './position';
import { Progress } from './progress';
import { moreRowsThanRecords, type Recovered, recover } from './recovery';
import { RecoveryAmbiguousError } from './sink-errors';
import { SinkLife, type SinkState } from './sink-life';
import type { PartitionSinkParts, Transactions } from './sink-parts';
import { StreamLife } from './stream-life';

/**
 * One partition's way into BigQuery: its records become rows of one committed write stream at explicit offsets, and the
 * partition's transactional producer commits how far that went. The protocol is told in docs/sink-protocol.md; its
 * states are in `SinkLife`, naming and ending a stream in `StreamLife`, running and rejecting in `Appends`, what is
 * committed in `Progress`.
 *
 * Failure semantics: every record that is handed over becomes one row or one dead letter, exactly once, whatever is
 * killed. An instance lives from `open` to its first failure or `close`. It never repairs itself: after a lost answer,
 * an unexplained error or a commit of unknown outcome it does nothing more, and the next instance fences it, ends its
 * stream, and counts what is durable. Killed between an append and its commit, rows are durable beyond the committed
 * position: the next owner counts them off. Killed between the naming of a stream and the first append: it is empty.
 * Killed around a commit: the next owner reads whether it happened. Nothing is seen twice.
 */
export class PartitionSink {
  private readonly life: SinkLife;
  private readonly queue: BatchQueue;
  private readonly progress: Progress;
  private readonly appends: Appends;
  private readonly streams: StreamLife;
  private transactions: Transactions | undefined;
  /** Rows that recovery has still to find in the records that follow. */
  private durableRows = 0;
  /** End of the log when recovery had ended the stream. */
  private logEnd = 0;
  /** First offset not taken. */
  private taken = 0;
  private isTaking = false;
  private outcome: FailureOutcome | undefined;

  constructor(private readonly parts: PartitionSinkParts) {
    const { topic, partition } = parts.partition;
    this.life = new SinkLife(`${topic}/${String(partition)}`, (cause) => {
      this.failed(cause);
    });
    this.queue = new BatchQueue({
      mapper: parts.mapper,
      limits: parts.limits,
      onDue: () => {
        this.appends.pump();
      },
    });
    this.progress = new Progress(parts, this.life);
    this.appends = new Appends(parts, this.life, this.queue, this.progress);
    this.streams = new StreamLife(parts, this.life, this.progress, () => !this.isTaking && this.pending().length === 0);
  }

  get state(): SinkState {
    return this.life.state;
  }

  /** First offset that is neither durable nor dead-lettered; undefined until it is found out. */
  get position(): number | undefined {
    return this.life.state === 'opening' ? undefined : this.progress.position;
  }

  /** What an operator sees of it. */
  describe(): {
    state: SinkState;
    committed: number;
    stream: string | null;
    pendingRecords: number;
    oldestPendingMs: number | null;
  } {
    const batches = this.pending();
    const oldest = batches.flatMap((batch) => batch.records.slice(0, 1))[0];
    return {
      state: this.life.state,
      committed: this.progress.committed,
      stream: this.progress.stream?.name ?? null,
      pendingRecords: batches.reduce((sum, batch) => sum + batch.records.length, 0),
      oldestPendingMs: oldest?.timestamp ?? null,
    };
  }

  /**
   * Fences the previous owner, reads what is committed, ends its stream and finds out what is durable.
   * @returns the first offset wanted
   */
  async open(): Promise<number> {
    const { parts } = this;
    const transactions = await parts.openTransactions();
    this.transactions = transactions;
    if (!this.life.isAlive) await transactions.close();
    this.life.check();
    await parts.faults.reach('fenced');
    const recovered = await this.recoverFrom(transactions);
    this.life.check();
    if (recovered.byQuery) parts.observer.fellBack();
    this.progress.begin(transactions, recovered);
    this.taken = recovered.offset;
    this.durableRows = recovered.durableRows;
    this.logEnd = recovered.logEnd;
    this.life.enter(recovered.durableRows > 0 ? 'counting' : 'ready');
    return recovered.offset;
  }

  /**
   * Takes the next records of the partition. Resolves when there is room for more, not when they are durable; so a slow
   * warehouse fills the task's queue, and that pauses the partition.
   */
  async take(batch: RecordBatch): Promise<BatchOutcome> {
    this.isTaking = true;
    try {
      await this.takeAll(batch);
      this.life.check();
      return ack();
    } catch (error) {
      this.life.fail(error);
      // Without a failure it was closed meanwhile, and nobody asks for more.
      return this.outcome ?? retry(0, error);
    } finally {
      this.isTaking = false;
      this.life.wake();
    }
  }

  /** No records follow: sends what was taken, waits for it, ends the stream and commits that. Gives up at the signal. */
  async drain(signal: AbortSignal): Promise<void> {
    const wake = (): void => {
      this.life.wake();
    };
    signal.addEventListener('abort', wake, { once: true });
    try {
      await this.streams.ending;
      for (;;) {
        this.queue.seal();
        this.appends.pump();
        if (!this.life.isAlive || signal.aborted) return;
        if (!this.isTaking && this.life.state !== 'rejecting' && this.pending().length === 0) break;
        await this.life.change();
      }
      await this.streams.end();
    } catch (error) {
      this.life.fail(error);
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** Lets go at once. What is under way is the next owner's to find out. */
  async close(): Promise<void> {
    if (!this.life.close()) return;
    this.letGo();
    await this.transactions?.close();
  }

  private async recoverFrom(transactions: Transactions): Promise<Recovered> {
    const { parts } = this;
    try {
      return await recover({
        partition: parts.partition,
        committed: transactions.committed,
        logBounds: () => parts.logBounds(),
        warehouse: parts.warehouse,
        wait: () => parts.delay(parts.limits.fallbackWaitMs, this.life.closed),
        faults: parts.faults,
      });
    } catch (error) {
      // What does not fit may be a new owner's doing, which has fenced this one: then it fits for whoever opens again.
      if (error instanceof RecoveryAmbiguousError) await transactions.assertCurrent();
      throw error;
    }
  }

  private async takeAll({ records, nextOffset }: RecordBatch): Promise<void> {
    // Encoding a batch holds the event loop for tens of milliseconds: between two batches the answers get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    this.life.check();
    this.streams.disarm();
    const first = this.countDurable(records, nextOffset);
    for (let index = first; index < records.length; index++) {
      const record = records[index];
      if (record === undefined || record.offset < this.taken || this.progress.exclusions.has(record.offset)) continue;
      if (this.streams.ending !== undefined) await this.streams.ending;
      if (this.progress.stream === undefined) await this.streams.name(record.offset);
      while (this.isFull()) await this.life.change();
      this.life.check();
      this.queue.add(record);
      this.appends.pump();
      this.taken = record.offset + 1;
    }
    this.life.check();
    if (nextOffset > this.taken) this.taken = nextOffset;
    if (this.life.state !== 'counting') this.passOver(nextOffset);
    this.streams.arm();
  }

  /** Recovery: the first records are durable already. Returns the index of the first that is not. */
  private countDurable(records: readonly KafkaRecord[], nextOffset: number): number {
    if (this.life.state !== 'counting') return 0;
    const { progress } = this;
    const passed = passDurable(records, this.durableRows, progress.exclusions);
    this.parts.observer.skipped(this.durableRows - passed.remaining);
    this.durableRows = passed.remaining;
    if (passed.remaining > 0) {
      if (nextOffset >= this.logEnd) {
        throw moreRowsThanRecords(this.parts.partition, passed.remaining, progress.position, this.logEnd);
      }
      return records.length;
    }
    const last = records[passed.index - 1];
    // Not past exclusions that follow: their records are yet to come, and to be known again.
    if (last !== undefined) progress.passTo(last.offset + 1);
    this.life.enter('ready');
    return passed.index;
  }

  /** Everything before `nextOffset` was taken: markers and exclusions at the end of a batch are passed over with it. */
  private passOver(nextOffset: number): void {
    if (this.queue.extendTo(nextOffset) || nextOffset <= this.progress.position) return;
    this.progress.passTo(nextOffset);
    this.progress.scheduleCommit();
  }

  /** As much waits as may be under way at once, and one batch more. */
  private isFull(): boolean {
    this.life.check();
    return this.queue.length > 0 && this.queue.length + this.appends.length > this.parts.limits.maxInFlight;
  }

  private pending(): readonly MicroBatch[] {
    return [...this.appends.batches, ...this.queue.batches];
  }

  private failed(cause: unknown): void {
    this.letGo();
    this.outcome = this.parts.outcomeOf(cause);
    if (!this.isTaking) this.parts.interrupt(this.outcome);
  }

  private letGo(): void {
    this.queue.close();
    this.streams.disarm();
    this.progress.letGo();
  }
}
