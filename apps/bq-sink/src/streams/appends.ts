import type { AppendErrorReason, AppendOutcome } from '@orderstream/bigquery';

import type { BatchQueue } from './batch-queue';
import type { MicroBatch } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { commitRejection } from './rejections';
import { AppendFailedError } from './sink-errors';
import type { SinkLife } from './sink-life';
import type { PartitionSinkParts } from './sink-parts';

interface Append {
  readonly batch: MicroBatch;
  readonly sentAtMs: number;
  /** `rejected`: by BigQuery, or by the encoder and never sent. `behind`: answered, behind one that was rejected. */
  status: 'sent' | 'appended' | 'rejected' | 'behind';
  /** Rows that BigQuery rejected: index and what it said. */
  rejectedRows: ReadonlyMap<number, string>;
}

/** What BigQuery may say of an append behind a rejected one (the comments of AppendRowsResponse.error). */
const BEHIND_REJECTED: ReadonlySet<AppendErrorReason> = new Set<AppendErrorReason>(['out-of-range', 'aborted']);

const NO_ROWS: ReadonlyMap<number, string> = new Map();

/**
 * The appends of a running sink: sent in order at consecutive stream offsets, several under way, and settled in order.
 * A rejected one stops the sending until the rejected records are dead letters (state `rejecting`).
 *
 * Failure semantics: an answer that is lost, or an error that no rejection before it explains, fails the sink. What was
 * under way may be durable or not, and the next owner counts.
 */
export class Appends {
  /** In the order of the stream. */
  private inFlight: Append[] = [];
  private isConnecting = false;

  constructor(
    private readonly parts: PartitionSinkParts,
    private readonly life: SinkLife,
    private readonly queue: BatchQueue,
    private readonly progress: Progress,
  ) {}

  get length(): number {
    return this.inFlight.length;
  }

  get batches(): readonly MicroBatch[] {
    return this.inFlight.map(({ batch }) => batch);
  }

  /** Sends what is due, in order, as far as appends may be under way. */
  pump(): void {
    const { stream } = this.progress;
    const { maxInFlight } = this.parts.limits;
    while (this.life.state === 'running' && stream !== undefined && this.inFlight.length < maxInFlight) {
      const batch = this.queue.due();
      if (batch === undefined) return;
      if (batch.rejected.length > 0) {
        this.queue.shift();
        this.reject({ batch, sentAtMs: 0, status: 'rejected', rejectedRows: NO_ROWS });
      } else if (stream.appender.usable) {
        this.queue.shift();
        this.send(stream, batch);
      } else {
        this.replaceConnection(stream);
        return;
      }
    }
  }

  private send(stream: OpenStream, batch: MicroBatch): void {
    const append: Append = { batch, sentAtMs: performance.now(), status: 'sent', rejectedRows: NO_ROWS };
    const offset = stream.next;
    stream.next += batch.rows.rows;
    this.inFlight.push(append);
    this.parts.observer.appending(batch.rows);
    this.orFail(
      stream.appender.append(batch.rows, offset).then(async (outcome) => {
        await this.parts.faults.reach('append-answered');
        this.answered(append, outcome);
      }),
    );
    const reached = this.parts.faults.reach('append-sent');
    if (reached !== undefined) this.orFail(reached);
  }

  private answered(append: Append, outcome: AppendOutcome): void {
    if (!this.life.isAlive) return;
    const isBehindRejected = this.inFlight
      .slice(0, this.inFlight.indexOf(append))
      .some(({ status }) => status === 'rejected');
    switch (outcome.kind) {
      case 'appended':
        append.status = 'appended';
        this.settleAppended();
        break;
      case 'rejected':
        append.rejectedRows = new Map(outcome.rows.map(({ index, message }) => [index, message]));
        if (isBehindRejected) append.status = 'behind';
        else this.reject(append);
        break;
      case 'error':
      case 'lost':
        // Behind a rejected append nothing can land: its place in the stream is missing. Anything else is not explained.
        if (outcome.kind === 'lost' || !isBehindRejected || !BEHIND_REJECTED.has(outcome.reason)) {
          throw new AppendFailedError(`append of ${this.life.place} failed: ${outcome.message}`, outcome.reason);
        }
        append.status = 'behind';
        break;
    }
    this.settleRejected();
    this.pump();
    this.life.wake();
  }

  /** The oldest appends that are acknowledged move the position. */
  private settleAppended(): void {
    const { stream } = this.progress;
    while (stream !== undefined && this.inFlight[0]?.status === 'appended') {
      const append = this.inFlight.shift();
      if (append === undefined) return;
      const { batch, sentAtMs } = append;
      stream.rows += batch.rows.rows;
      batch.settled = true;
      this.progress.passTo(batch.endOffset);
      this.parts.observer.appended(batch.records, batch.rows, (performance.now() - sentAtMs) / 1000);
      this.progress.scheduleCommit();
    }
  }

  /** Nothing more is sent until the rejected records are dead letters. */
  private reject(append: Append): void {
    append.status = 'rejected';
    if (!this.inFlight.includes(append)) this.inFlight.push(append);
    if (this.life.state !== 'rejecting') this.life.enter('rejecting');
    this.settleRejected();
  }

  /** Once everything before is acknowledged and everything behind is answered, the rejected records leave the stream. */
  private settleRejected(): void {
    const { stream } = this.progress;
    const [rejected, ...behind] = this.inFlight;
    if (this.life.state !== 'rejecting' || rejected?.status !== 'rejected' || stream === undefined) return;
    if (behind.some(({ status }) => status === 'sent')) return;
    if (behind.some(({ status }) => status === 'appended')) {
      throw new AppendFailedError(`${this.life.place}: an append behind a rejected one was acknowledged`, 'rejected');
    }
    this.inFlight = [];
    // What was rejected behind it is evaluated again when its own turn comes.
    this.queue.putBack([rejected.batch, ...behind.map(({ batch }) => batch)]);
    this.orFail(this.goOnWithout(stream, rejected));
  }

  /** Then the rest of the batch goes by itself, and what was behind it, at new stream offsets. */
  private async goOnWithout(stream: OpenStream, { batch, rejectedRows }: Append): Promise<void> {
    await commitRejection(this.parts, this.progress, stream, batch, rejectedRows);
    if (batch.records.length === 0) {
      batch.settled = true;
      this.queue.shift();
      this.progress.passTo(batch.endOffset);
      this.progress.scheduleCommit();
    }
    stream.next = stream.rows;
    if (!stream.appender.usable) await this.connect(stream);
    this.life.enter('running');
    this.pump();
    this.life.wake();
  }

  /**
   * The connection has ended. What is under way will say why; when nothing is (BigQuery ends idle connections), every
   * append was acknowledged, and the next one continues the stream on another connection.
   */
  private replaceConnection(stream: OpenStream): void {
    if (this.inFlight.length > 0 || this.isConnecting) return;
    this.isConnecting = true;
    this.orFail(
      this.connect(stream)
        .finally(() => (this.isConnecting = false))
        .then(() => {
          this.pump();
        }),
    );
  }

  private async connect(stream: OpenStream): Promise<void> {
    stream.appender.close();
    stream.appender = await this.parts.warehouse.connect(stream.name);
    if (!this.life.isAlive) stream.appender.close();
  }

  private orFail(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.life.fail(error);
    });
  }
}
