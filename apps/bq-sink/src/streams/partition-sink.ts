import { type AppendOutcome } from '@orderstream/bigquery';
import { buildDeadLetter } from '@orderstream/dead-letters';
import {
  ack,
  type BatchOutcome,
  type KafkaRecord,
  type OutputRecord,
  type PartitionRef,
  type RecordBatch,
  type TransactionWrites,
} from '@orderstream/kafka';

import { Exclusions } from './exclusions';
import type { FaultPoints, SinkStep } from './fault-points';
import { type BatchLimits, MicroBatch, type Refusal, type RowSource } from './micro-batch';
import { encodeMetadata, passDurable, type SinkPosition } from './position';
import { type LogBounds, moreRowsThanRecords, recover } from './recovery';
import { REFUSALS } from './row-mapper';
import { AppendFailedError } from './sink-errors';
import type { SinkObserver } from './sink-observer';
import type { Appender, Warehouse } from './warehouse';

export interface SinkLimits extends BatchLimits {
  /** How long a row may wait for others to share its append. */
  readonly lingerMs: number;
  /** Appends under way at once. */
  readonly maxInFlight: number;
  /** Longest time from an acknowledged append to the commit of its position. */
  readonly commitIntervalMs: number;
  /** A stream without records for this long is ended. */
  readonly idleFinalizeMs: number;
  /** How long an append to a stream that is gone may still land. */
  readonly fallbackWaitMs: number;
}

/** The partition's transactional producer; a `PartitionTransactions`. */
export interface Transactions {
  readonly committed: { readonly offset: number | undefined; readonly metadata: string | undefined };
  commit(writes: TransactionWrites): Promise<void>;
  close(): Promise<void>;
}

export interface PartitionSinkParts {
  readonly partition: PartitionRef;
  readonly limits: SinkLimits;
  readonly mapper: RowSource;
  readonly warehouse: Warehouse;
  /** Fences the partition's previous owner, then reads what is committed. */
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
  readonly delay: (ms: number) => Promise<void>;
  readonly now: () => Date;
  readonly faults: FaultPoints;
  readonly observer: SinkObserver;
  /** What the partition's lane is to do about a failure. */
  readonly outcomeOf: (cause: unknown) => BatchOutcome;
  /** A failure that no call of `take` is there to tell. */
  readonly interrupt: (outcome: BatchOutcome) => void;
}

/** States of docs/sink-protocol.md. */
export type SinkState =
  'opening' | 'counting' | 'ready' | 'naming' | 'running' | 'refusing' | 'ending' | 'failed' | 'closed';

interface Append {
  readonly batch: MicroBatch;
  readonly sentAtMs: number;
  /** `refused`: by BigQuery, or by the encoder and never sent. `behind`: answered, behind one that was refused. */
  status: 'sent' | 'appended' | 'refused' | 'behind';
  /** Rows that BigQuery refused: index and what it said. */
  refusedRows: ReadonlyMap<number, string>;
}

interface OpenStream {
  readonly name: string;
  /** Rows acknowledged: the stream offset of the position. */
  rows: number;
  /** Stream offset of the next append. */
  next: number;
  appender: Appender;
}

const NO_ROWS: ReadonlyMap<number, string> = new Map();

/**
 * One partition's way into BigQuery: its records become rows of one committed write stream at explicit offsets, and the
 * partition's transactional producer commits how far that went. The protocol is told in docs/sink-protocol.md.
 *
 * Failure semantics: every record that is handed over becomes one row or one dead letter, exactly once, whatever is
 * killed. An instance lives from `open` to its first failure or `close`. It never repairs itself: after a lost answer,
 * an unexplained error or a commit of unknown outcome it does nothing more, and the next instance fences it, ends its
 * stream, and counts what is durable. Killed between an append and its commit, rows are durable beyond the committed
 * position: the next owner counts them off. Killed between the naming of a stream and the first append: it is empty.
 * Killed around a commit: the next owner reads whether it happened. Nothing is seen twice.
 */
export class PartitionSink {
  private current: SinkState = 'opening';
  private transactions: Transactions | undefined;
  /** First offset that is neither durable nor dead-lettered. */
  private position = 0;
  private exclusions = Exclusions.NONE;
  private topicId: string | undefined;
  private durableRows = 0;
  private logEnd = 0;
  private stream: OpenStream | undefined;
  private filling: MicroBatch | undefined;
  private lingered = false;
  /** Sealed, not sent; in order. */
  private queue: MicroBatch[] = [];
  private inFlight: Append[] = [];
  /** The batch that the last record taken went into. */
  private tail: MicroBatch | undefined;
  private taken = 0;
  private committedOffset = -1;
  private commits: Promise<void> = Promise.resolve();
  private ending: Promise<void> | undefined;
  private isTaking = false;
  private failure: { readonly cause: unknown } | undefined;
  private waiters: (() => void)[] = [];
  private lingerTimer: NodeJS.Timeout | undefined;
  private commitTimer: NodeJS.Timeout | undefined;
  private idleTimer: NodeJS.Timeout | undefined;

  constructor(private readonly parts: PartitionSinkParts) {}

  get state(): SinkState {
    return this.current;
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
      state: this.current,
      committed: this.committedOffset,
      stream: this.stream?.name ?? null,
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
    this.transactions = await parts.openTransactions();
    await this.reach('fenced');
    const { committed } = this.transactions;
    const log = await parts.logBounds();
    await this.reach('committed-read');
    const recovered = await recover({
      partition: parts.partition,
      committed,
      log,
      warehouse: parts.warehouse,
      wait: () => parts.delay(parts.limits.fallbackWaitMs),
      faults: parts.faults,
    });
    this.check();
    if (recovered.byQuery) parts.observer.fellBack();
    this.position = recovered.offset;
    this.taken = recovered.offset;
    this.committedOffset = committed.offset ?? -1;
    this.exclusions = recovered.exclusions;
    this.topicId = recovered.topicId;
    this.durableRows = recovered.durableRows;
    this.logEnd = log.end;
    this.current = recovered.durableRows > 0 ? 'counting' : 'ready';
    return recovered.offset;
  }

  /**
   * Takes the next records of the partition. Resolves when there is room for more, not when they are durable; so a slow
   * warehouse fills the lane's queue, and that pauses the partition.
   */
  async take(batch: RecordBatch): Promise<BatchOutcome> {
    this.isTaking = true;
    try {
      await this.takeAll(batch);
      return ack();
    } catch (error) {
      this.fail(error);
      return this.parts.outcomeOf(this.failure?.cause ?? error);
    } finally {
      this.isTaking = false;
      this.wake();
    }
  }

  /** No records follow: sends what was taken, waits for it, ends the stream and commits that. Gives up at the signal. */
  async drain(signal: AbortSignal): Promise<void> {
    const wake = (): void => {
      this.wake();
    };
    signal.addEventListener('abort', wake, { once: true });
    try {
      await this.ending;
      for (;;) {
        this.seal();
        this.pump();
        if (!this.isAlive() || signal.aborted) return;
        if (!this.isTaking && this.pending().length === 0) break;
        await this.change();
      }
      await this.endStream();
    } catch (error) {
      this.fail(error);
    } finally {
      signal.removeEventListener('abort', wake);
    }
  }

  /** Lets go at once. What is under way is the next owner's to find out. */
  async close(): Promise<void> {
    if (this.current === 'closed') return;
    this.current = 'closed';
    this.letGo();
    await this.transactions?.close();
  }

  // ---------------------------------------------------------------- taking records

  private async takeAll({ records, nextOffset }: RecordBatch): Promise<void> {
    // Encoding a batch holds the event loop for tens of milliseconds: between two batches the answers get their turn.
    await new Promise((resolve) => setImmediate(resolve));
    this.check();
    clearTimeout(this.idleTimer);
    const first = this.countDurable(records, nextOffset);
    for (let index = first; index < records.length; index++) {
      const record = records[index];
      if (record === undefined || record.offset < this.taken || this.exclusions.has(record.offset)) continue;
      if (this.ending !== undefined) await this.ending;
      if (this.stream === undefined) await this.nameStream(record.offset);
      while (this.isFull()) await this.change();
      this.check();
      this.add(record);
      this.taken = record.offset + 1;
    }
    this.check();
    if (nextOffset > this.taken) this.taken = nextOffset;
    if (this.current !== 'counting') this.passOver(nextOffset);
    this.armIdle();
  }

  /** Recovery: the first records are durable already. Returns the index of the first that is not. */
  private countDurable(records: readonly KafkaRecord[], nextOffset: number): number {
    if (this.current !== 'counting') return 0;
    const passed = passDurable(records, this.durableRows, this.exclusions);
    this.parts.observer.skipped(this.durableRows - passed.remaining);
    this.durableRows = passed.remaining;
    if (passed.remaining > 0) {
      if (nextOffset >= this.logEnd) {
        throw moreRowsThanRecords(this.parts.partition, passed.remaining, this.position, this.logEnd);
      }
      return records.length;
    }
    const last = records[passed.index - 1];
    // Not past exclusions that follow: their records are yet to come, and to be known again.
    if (last !== undefined) this.position = last.offset + 1;
    this.exclusions = this.exclusions.from(this.position);
    this.current = 'ready';
    return passed.index;
  }

  /** Everything before `nextOffset` was taken: markers and exclusions at the end of a batch are passed over with it. */
  private passOver(nextOffset: number): void {
    if (this.tail !== undefined && !this.tail.settled) {
      if (nextOffset > this.tail.endOffset) this.tail.endOffset = nextOffset;
    } else if (nextOffset > this.position) {
      this.position = nextOffset;
      this.exclusions = this.exclusions.from(nextOffset);
      this.scheduleCommit();
    }
  }

  private add(record: KafkaRecord): void {
    const { mapper, limits } = this.parts;
    const fits = this.filling?.add(record, mapper, limits) ?? false;
    if (!fits) {
      this.seal();
      const batch = new MicroBatch(record.offset);
      batch.add(record, mapper, limits);
      this.filling = batch;
      this.tail = batch;
      this.lingerTimer = setTimeout(() => {
        this.lingered = true;
        this.pump();
      }, limits.lingerMs);
    }
    if (this.filling?.isFull(limits) === true) this.seal();
    this.pump();
  }

  /** The open batch gets no more records. */
  private seal(): void {
    clearTimeout(this.lingerTimer);
    this.lingered = false;
    if (this.filling === undefined) return;
    this.queue.push(this.filling);
    this.filling = undefined;
  }

  /** As much waits as may be under way at once, and one batch more. */
  private isFull(): boolean {
    this.check();
    return this.queue.length > 0 && this.queue.length + this.inFlight.length > this.parts.limits.maxInFlight;
  }

  private pending(): MicroBatch[] {
    const open = this.filling === undefined ? [] : [this.filling];
    return [...this.inFlight.map(({ batch }) => batch), ...this.queue, ...open];
  }

  // ---------------------------------------------------------------- streams

  /** The partition goes on in a new stream from `offset`; known to be committed before the first append. */
  private async nameStream(offset: number): Promise<void> {
    const { warehouse, observer } = this.parts;
    this.current = 'naming';
    const name = await warehouse.createStream();
    observer.streamCreated();
    await this.reach('stream-created');
    const appender = await warehouse.connect(name);
    try {
      this.check();
      await this.commit(() => {
        this.position = offset;
        this.exclusions = this.exclusions.from(offset);
        return { position: this.positionAt(offset, { name, rows: 0 }), records: [] };
      });
      await this.reach('stream-named');
      this.check();
    } catch (error) {
      appender.close();
      throw error;
    }
    this.stream = { name, rows: 0, next: 0, appender };
    this.current = 'running';
  }

  /** Ends the stream, so that neither a drained nor an idle partition depends on it any more. Only when all is settled. */
  private async endStream(): Promise<void> {
    if (this.current === 'counting' || this.current === 'opening') return;
    const { stream } = this;
    if (stream !== undefined) {
      this.current = 'ending';
      const finalized = await this.parts.warehouse.finalize(stream.name);
      await this.reach('stream-ended');
      if (finalized.kind !== 'rows' || finalized.rows !== stream.rows) {
        const found = finalized.kind === 'rows' ? `${String(finalized.rows)} rows` : finalized.kind;
        throw new AppendFailedError(
          `${this.place} ended its stream ${stream.name} after ${String(stream.rows)} rows and found ${found}`,
          'rejected',
        );
      }
      stream.appender.close();
    }
    if (stream !== undefined || this.position > this.committedOffset) {
      await this.commit(() => {
        this.stream = undefined;
        return { position: this.positionAt(this.position, undefined), records: [] };
      });
      await this.reach('end-committed');
    }
    if (this.isAlive()) this.current = 'ready';
  }

  private armIdle(): void {
    clearTimeout(this.idleTimer);
    if (!this.isAlive()) return;
    this.idleTimer = setTimeout(() => {
      if (this.current !== 'running' || this.pending().length > 0 || this.isTaking) {
        this.armIdle();
        return;
      }
      this.ending = this.endStream()
        .catch((error: unknown) => {
          this.fail(error);
        })
        .finally(() => {
          this.ending = undefined;
        });
    }, this.parts.limits.idleFinalizeMs);
  }

  // ---------------------------------------------------------------- appends

  /** Sends what is due, in order, as far as appends may be under way. */
  private pump(): void {
    const { stream } = this;
    const { maxInFlight } = this.parts.limits;
    while (this.current === 'running' && stream !== undefined && this.inFlight.length < maxInFlight) {
      if (this.queue.length === 0 && this.lingered) this.seal();
      const batch = this.queue[0];
      if (batch === undefined) return;
      if (batch.refused.length > 0) {
        this.queue.shift();
        this.refuse({ batch, sentAtMs: 0, status: 'refused', refusedRows: NO_ROWS });
      } else if (stream.appender.usable) {
        this.queue.shift();
        this.send(stream, batch);
      } else return;
    }
  }

  private send(stream: OpenStream, batch: MicroBatch): void {
    const append: Append = { batch, sentAtMs: performance.now(), status: 'sent', refusedRows: NO_ROWS };
    const offset = stream.next;
    stream.next += batch.rows.rows;
    this.inFlight.push(append);
    this.parts.observer.appending(batch.rows);
    stream.appender
      .append(batch.rows, offset)
      .then(async (outcome) => {
        await this.reach('append-answered');
        this.answered(append, outcome);
      })
      .catch((error: unknown) => {
        this.fail(error);
      });
    const reached = this.parts.faults.reach('append-sent');
    if (reached !== undefined)
      reached.catch((error: unknown) => {
        this.fail(error);
      });
  }

  private answered(append: Append, outcome: AppendOutcome): void {
    if (!this.isAlive()) return;
    const refusedBefore = this.inFlight
      .slice(0, this.inFlight.indexOf(append))
      .some(({ status }) => status === 'refused');
    switch (outcome.kind) {
      case 'appended':
        append.status = 'appended';
        this.settleAppended();
        break;
      case 'refused':
        append.refusedRows = new Map(outcome.rows.map(({ index, message }) => [index, message]));
        if (refusedBefore) append.status = 'behind';
        else this.refuse(append);
        break;
      case 'error':
      case 'lost':
        // Behind a refused append nothing can land: its place in the stream is missing. Anything else is not explained.
        if (outcome.kind === 'lost' || outcome.reason !== 'out-of-range' || !refusedBefore) {
          throw new AppendFailedError(`append of ${this.place} failed: ${outcome.message}`, outcome.reason);
        }
        append.status = 'behind';
        break;
    }
    this.settleRefused();
    this.pump();
    this.wake();
  }

  /** The oldest appends that are acknowledged move the position. */
  private settleAppended(): void {
    const { stream } = this;
    while (stream !== undefined && this.inFlight[0]?.status === 'appended') {
      const append = this.inFlight.shift();
      if (append === undefined) return;
      const { batch, sentAtMs } = append;
      stream.rows += batch.rows.rows;
      batch.settled = true;
      this.position = batch.endOffset;
      this.exclusions = this.exclusions.from(batch.endOffset);
      this.parts.observer.appended(batch.records, batch.rows, (performance.now() - sentAtMs) / 1000);
      this.scheduleCommit();
    }
  }

  // ---------------------------------------------------------------- refused rows

  /** Nothing more is sent until the refused records are dead letters. */
  private refuse(append: Append): void {
    append.status = 'refused';
    if (!this.inFlight.includes(append)) this.inFlight.push(append);
    this.current = 'refusing';
    this.settleRefused();
  }

  /** Once everything before is acknowledged and everything behind is answered, the refused records leave the stream. */
  private settleRefused(): void {
    const [refused, ...behind] = this.inFlight;
    if (this.current !== 'refusing' || refused?.status !== 'refused') return;
    if (behind.some(({ status }) => status === 'sent')) return;
    if (behind.some(({ status }) => status === 'appended')) {
      throw new AppendFailedError(`${this.place}: an append behind a refused one was acknowledged`, 'rejected');
    }
    this.inFlight = [];
    this.commitRefusal(
      refused,
      behind.map(({ batch }) => batch),
    ).catch((error: unknown) => {
      this.fail(error);
    });
  }

  /**
   * Dead letters, exclusions and the position in one transaction; only then the rest of the batch, by itself, and what
   * was behind it, at new stream offsets.
   */
  private async commitRefusal(append: Append, behind: readonly MicroBatch[]): Promise<void> {
    const { stream } = this;
    const { batch, refusedRows } = append;
    if (stream === undefined) return;
    this.queue.unshift(batch, ...behind);
    await this.reach('refusal-settled');
    const refusals = refusalsOf(batch, refusedRows);
    const exclusions = this.exclusions.with(refusals.map(({ record }) => record.offset));
    const survivor = batch.records.find((_, row) => !refusedRows.has(row));
    const offset = survivor?.offset ?? batch.endOffset;
    await this.commit(() => ({
      position: {
        offset,
        stream: { name: stream.name, rows: stream.rows },
        exclusions: exclusions.from(offset),
        topicId: this.topicId,
      },
      records: refusals.map((refusal) => this.deadLetter(refusal)),
    }));
    this.position = Math.max(this.position, offset);
    this.exclusions = exclusions.from(this.position);
    this.parts.observer.refused(refusals.map(({ reason }) => reason));
    await this.reach('refusal-committed');
    batch.prune(new Set(refusedRows.keys()));
    if (batch.records.length === 0) {
      batch.settled = true;
      this.queue.shift();
      this.position = Math.max(this.position, batch.endOffset);
      this.exclusions = this.exclusions.from(this.position);
      this.scheduleCommit();
    }
    stream.next = stream.rows;
    if (!stream.appender.usable) {
      stream.appender.close();
      stream.appender = await this.parts.warehouse.connect(stream.name);
    }
    if (!this.isAlive()) {
      stream.appender.close();
      return;
    }
    this.current = 'running';
    this.pump();
    this.wake();
  }

  private deadLetter({ record, reason }: Refusal): OutputRecord {
    return buildDeadLetter(record, { app: 'bq-sink', reasons: [reason], failedAt: this.parts.now() });
  }

  // ---------------------------------------------------------------- commits

  private scheduleCommit(): void {
    if (this.commitTimer !== undefined || !this.isAlive()) return;
    this.commitTimer = setTimeout(() => {
      this.commitTimer = undefined;
      if (!this.isAlive()) return;
      this.commit(() => {
        if (this.position <= this.committedOffset) return undefined;
        const { stream } = this;
        return { position: this.positionAt(this.position, stream), records: [] };
      }).catch((error: unknown) => {
        this.fail(error);
      });
    }, this.parts.limits.commitIntervalMs);
  }

  /** One transaction after the other; what it says is asked when its turn comes. Rejects when it is not known to be committed. */
  private commit(
    contents: () => { readonly position: SinkPosition; readonly records: readonly OutputRecord[] } | undefined,
  ): Promise<void> {
    const turn = this.commits.then(async () => {
      this.check();
      const { transactions } = this;
      const writes = contents();
      if (transactions === undefined || writes === undefined) return;
      const { position, records } = writes;
      await this.reach('commit-begun');
      await transactions.commit({ records, offset: position.offset, metadata: encodeMetadata(position) });
      this.committedOffset = position.offset;
      this.parts.observer.committed();
      await this.reach('committed');
    });
    this.commits = turn.catch(() => undefined);
    return turn;
  }

  private positionAt(
    offset: number,
    stream: { readonly name: string; readonly rows: number } | undefined,
  ): SinkPosition {
    return {
      offset,
      stream: stream === undefined ? undefined : { name: stream.name, rows: stream.rows },
      exclusions: this.exclusions.from(offset),
      topicId: this.topicId,
    };
  }

  // ---------------------------------------------------------------- life

  private get place(): string {
    return `${this.parts.partition.topic}/${String(this.parts.partition.partition)}`;
  }

  private isAlive(): boolean {
    return this.current !== 'failed' && this.current !== 'closed';
  }

  private check(): void {
    if (this.failure !== undefined) throw this.failure.cause;
    if (this.current === 'closed') throw new AppendFailedError(`${this.place} was closed`, 'unavailable');
  }

  private fail(cause: unknown): void {
    if (!this.isAlive()) return;
    this.failure = { cause };
    this.current = 'failed';
    this.letGo();
    if (!this.isTaking) this.parts.interrupt(this.parts.outcomeOf(cause));
  }

  private letGo(): void {
    for (const timer of [this.lingerTimer, this.commitTimer, this.idleTimer]) clearTimeout(timer);
    this.stream?.appender.close();
    this.wake();
  }

  /** Resolves when an append was answered, a refusal committed, or the sink failed or was closed. */
  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.waiters.push(resolve);
    });
  }

  private wake(): void {
    for (const waiter of this.waiters.splice(0)) waiter();
  }

  private async reach(step: SinkStep): Promise<void> {
    const reached = this.parts.faults.reach(step);
    if (reached !== undefined) await reached;
  }
}

function refusalsOf(batch: MicroBatch, refusedRows: ReadonlyMap<number, string>): readonly Refusal[] {
  const byBigQuery = batch.records.flatMap((record, row): Refusal[] => {
    const message = refusedRows.get(row);
    return message === undefined ? [] : [{ record, reason: { code: REFUSALS.refused, constraint: message } }];
  });
  return [...batch.refused, ...byBigQuery].sort((a, b) => a.record.offset - b.record.offset);
}
