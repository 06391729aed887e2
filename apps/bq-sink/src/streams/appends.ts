import type { AppendErrorReason, AppendOutcome } from '@orderstream/bigquery';

import type { BatchQueue } from './batch-queue';
import type { MicroBatch } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { commitRejection } from './rejections';
import type { PartitionSinkDependencies } from './sink-dependencies';
import { AppendFailedError } from './sink-errors';
import type { SinkLifecycle } from './sink-lifecycle';

interface Append {
  readonly batch: MicroBatch;
  readonly sentAtMs: number;
  /**
   * `rejected`: by BigQuery, or by the encoder and never sent. `behind`: answered with an error that a rejected append
   * before it explains.
   */
  status: 'sent' | 'appended' | 'rejected' | 'behind';
  /** Rows that BigQuery rejected: its message by row index. */
  rejectedRows: ReadonlyMap<number, string>;
}

/** Errors that BigQuery may answer to an append behind a rejected one (the comments of AppendRowsResponse.error). */
const EXPECTED_BEHIND_REJECTION: ReadonlySet<AppendErrorReason> = new Set<AppendErrorReason>([
  'out-of-range',
  'aborted',
]);

const NO_ROWS: ReadonlyMap<number, string> = new Map();

/**
 * The appends of a running sink. They are sent in order at consecutive stream offsets, several in flight, and settled in
 * order. After a rejection nothing is sent until the rejected records are dead-lettered (state `rejecting`).
 *
 * Failure semantics: an append without an answer, or an error that no rejection before it explains, fails the sink. The
 * outcome of the appends in flight is unknown then, and the recovery of the next owner counts the durable rows.
 */
export class Appends {
  /** In stream order. */
  private inFlight: Append[] = [];
  private isConnecting = false;

  constructor(
    private readonly dependencies: PartitionSinkDependencies,
    private readonly lifecycle: SinkLifecycle,
    private readonly queue: BatchQueue,
    private readonly progress: Progress,
  ) {}

  get length(): number {
    return this.inFlight.length;
  }

  get batches(): readonly MicroBatch[] {
    return this.inFlight.map(({ batch }) => batch);
  }

  /** Sends due batches in order while the number of appends in flight is below the limit. */
  sendDue(): void {
    const { stream } = this.progress;
    const { maxInFlight } = this.dependencies.limits;
    while (this.lifecycle.state === 'running' && stream !== undefined && this.inFlight.length < maxInFlight) {
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
    this.dependencies.observer.appending(batch.rows);
    this.failOnError(
      stream.appender.append(batch.rows, offset).then(async (outcome) => {
        await this.dependencies.faults.reach('append-answered');
        this.onAnswer(append, outcome);
      }),
    );
    const reached = this.dependencies.faults.reach('append-sent');
    if (reached !== undefined) this.failOnError(reached);
  }

  private onAnswer(append: Append, outcome: AppendOutcome): void {
    if (!this.lifecycle.isActive) return;
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
        // An append behind a rejected one cannot land: the rows at the stream offsets before it are missing.
        if (outcome.kind === 'lost' || !isBehindRejected || !EXPECTED_BEHIND_REJECTION.has(outcome.reason)) {
          throw new AppendFailedError(
            `append to ${this.lifecycle.partitionName} failed: ${outcome.message}`,
            outcome.reason,
          );
        }
        append.status = 'behind';
        break;
    }
    this.settleRejected();
    this.sendDue();
    this.lifecycle.notifyChange();
  }

  /** Advances the position over the oldest appends that are acknowledged. */
  private settleAppended(): void {
    const { stream } = this.progress;
    while (stream !== undefined && this.inFlight[0]?.status === 'appended') {
      const append = this.inFlight.shift();
      if (append === undefined) return;
      const { batch, sentAtMs } = append;
      stream.rows += batch.rows.rows;
      batch.settled = true;
      this.progress.advanceTo(batch.endOffset);
      this.dependencies.observer.appended(batch.records, batch.rows, (performance.now() - sentAtMs) / 1000);
      this.progress.scheduleCommit();
    }
  }

  private reject(append: Append): void {
    append.status = 'rejected';
    if (!this.inFlight.includes(append)) this.inFlight.push(append);
    if (this.lifecycle.state !== 'rejecting') this.lifecycle.enter('rejecting');
    this.settleRejected();
  }

  /** Dead-letters the rejected records once every append before them is acknowledged and every one behind is answered. */
  private settleRejected(): void {
    const { stream } = this.progress;
    const [rejected, ...behind] = this.inFlight;
    if (this.lifecycle.state !== 'rejecting' || rejected?.status !== 'rejected' || stream === undefined) return;
    if (behind.some(({ status }) => status === 'sent')) return;
    if (behind.some(({ status }) => status === 'appended')) {
      throw new AppendFailedError(
        `${this.lifecycle.partitionName}: an append behind a rejected one was acknowledged`,
        'rejected',
      );
    }
    this.inFlight = [];
    // A rejection behind the first one counts only when its batch is sent again.
    this.queue.putBack([rejected.batch, ...behind.map(({ batch }) => batch)]);
    this.failOnError(this.commitAndResume(stream, rejected));
  }

  /** Then sends the rest of the batch, and the batches behind it, at new stream offsets. */
  private async commitAndResume(stream: OpenStream, { batch, rejectedRows }: Append): Promise<void> {
    await commitRejection(this.dependencies, this.progress, stream, batch, rejectedRows);
    if (batch.records.length === 0) {
      batch.settled = true;
      this.queue.shift();
      this.progress.advanceTo(batch.endOffset);
      this.progress.scheduleCommit();
    }
    stream.next = stream.rows;
    if (!stream.appender.usable) await this.connect(stream);
    this.lifecycle.enter('running');
    this.sendDue();
    this.lifecycle.notifyChange();
  }

  /**
   * BigQuery closes idle connections. If no append is in flight, the sink opens a new connection and continues at the same
   * stream offset. If an append is in flight, its own answer fails the sink.
   */
  private replaceConnection(stream: OpenStream): void {
    if (this.inFlight.length > 0 || this.isConnecting) return;
    this.isConnecting = true;
    this.failOnError(
      this.connect(stream)
        .finally(() => (this.isConnecting = false))
        .then(() => {
          this.sendDue();
        }),
    );
  }

  private async connect(stream: OpenStream): Promise<void> {
    stream.appender.close();
    stream.appender = await this.dependencies.warehouse.connect(stream.name);
    if (!this.lifecycle.isActive) stream.appender.close();
  }

  private failOnError(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.lifecycle.fail(error);
    });
  }
}
