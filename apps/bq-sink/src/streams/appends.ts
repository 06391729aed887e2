import type { AppendErrorReason, AppendOutcome, RejectedRow } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';

import type { BatchQueue, QueuedBatch } from './batch-queue';
import type { MicroBatch } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { RejectedRun } from './rejected-run';
import { Rejections } from './rejections';
import { REJECTION_CODES } from './row-mapper';
import type { PartitionSinkDependencies } from './sink-dependencies';
import { AppendFailedError } from './sink-errors';
import type { SinkLifecycle } from './sink-lifecycle';

interface Append {
  readonly batch: MicroBatch;
  readonly sentAtMs: number;
  /**
   * `rejected`: because of its rows. `too-early`: BigQuery does not know the new stream yet. `behind`: answered with an
   * error that such an append before it explains.
   */
  status: 'sent' | 'appended' | 'rejected' | 'too-early' | 'behind';
  /** Rows that BigQuery rejected. If there is none, it rejected the request as a whole. */
  rejectedRows: ReadonlyMap<number, DeadLetterReason>;
}

/** Errors that BigQuery may answer to an append behind one that did not land (the comments of AppendRowsResponse.error). */
const EXPECTED_BEHIND: ReadonlySet<AppendErrorReason> = new Set<AppendErrorReason>([
  'out-of-range',
  'aborted',
  'invalid-request',
]);

const NO_ROWS: ReadonlyMap<number, DeadLetterReason> = new Map();
/** The wait before an append is sent again to a stream that BigQuery does not know yet. */
const TOO_EARLY_RETRY_MS = 500;

/**
 * The appends of a running sink. They are sent in order at consecutive stream offsets, several in flight, and settled in
 * order. After a rejection nothing is sent until all in flight are answered. The rejected batch is divided: what lies before
 * a rejected record is appended and acknowledged before its dead letter is committed, and what lies behind it only then.
 *
 * Failure semantics: an append without an answer, or an error that no append before it explains, fails the sink. The
 * outcome of the appends in flight is unknown then, and the recovery of the next owner counts the durable rows.
 */
export class Appends {
  /** In stream order. */
  private inFlight: Append[] = [];
  /** The run that is being dead-lettered. */
  private deadLettering: RejectedRun | undefined;
  private isConnecting = false;
  /** BigQuery did not know the new stream yet. */
  private isTooEarly = false;
  private readonly rejections: Rejections;

  constructor(
    private readonly dependencies: PartitionSinkDependencies,
    private readonly lifecycle: SinkLifecycle,
    private readonly queue: BatchQueue,
    private readonly progress: Progress,
  ) {
    this.rejections = new Rejections(dependencies, progress);
  }

  get length(): number {
    return this.inFlight.length;
  }

  get batches(): readonly QueuedBatch[] {
    const { deadLettering } = this;
    return [...this.inFlight.map(({ batch }) => batch), ...(deadLettering === undefined ? [] : [deadLettering])];
  }

  /** Sends due batches in order while the number of appends in flight is below the limit. */
  sendDue(): void {
    const { stream } = this.progress;
    const { maxInFlight } = this.dependencies.limits;
    while (this.lifecycle.state === 'running' && stream !== undefined) {
      const batch = this.queue.due();
      if (batch === undefined) return;
      if (batch instanceof RejectedRun) {
        if (this.inFlight.length === 0) this.failOnError(this.deadLetter(stream, batch));
        return;
      }
      if (this.inFlight.length >= maxInFlight) return;
      if (!stream.appender.usable) {
        this.replaceConnection(stream);
        return;
      }
      this.queue.shift();
      this.send(stream, batch);
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
        this.onAnswer(stream, append, outcome);
      }),
    );
    const reached = this.dependencies.faults.reach('append-sent');
    if (reached !== undefined) this.failOnError(reached);
  }

  private onAnswer(stream: OpenStream, append: Append, outcome: AppendOutcome): void {
    if (!this.lifecycle.isActive) return;
    const isBehind = this.inFlight
      .slice(0, this.inFlight.indexOf(append))
      .some(({ status }) => status === 'rejected' || status === 'too-early');
    switch (outcome.kind) {
      case 'appended':
        append.status = 'appended';
        this.settleAppended(stream);
        break;
      case 'rejected':
        if (isBehind) append.status = 'behind';
        else this.reject(append, outcome.rows);
        break;
      case 'error':
      case 'lost':
        this.onError(stream, append, outcome, isBehind);
        break;
    }
    this.settleNotLanded(stream);
    this.sendDue();
    this.lifecycle.notifyChange();
  }

  private onError(
    stream: OpenStream,
    append: Append,
    { kind, reason, message }: Extract<AppendOutcome, { kind: 'error' | 'lost' }>,
    isBehind: boolean,
  ): void {
    if (reason === 'stream-gone' && this.mayBeUnknownYet(stream)) append.status = 'too-early';
    // An append behind one that did not land cannot land: the rows at the stream offsets before it are missing.
    else if (kind === 'error' && isBehind && EXPECTED_BEHIND.has(reason)) append.status = 'behind';
    else if (kind === 'error' && reason === 'invalid-request') this.reject(append, []);
    else {
      const { rows } = append.batch.rows;
      throw new AppendFailedError(`append to ${this.lifecycle.partitionName} failed: ${message}`, reason, {
        rows,
        offset: append.batch.records[0]?.offset ?? 0,
        isAlone: this.inFlight.length === 1,
      });
    }
  }

  /**
   * Whether BigQuery may not know a stream yet that was just created. If an append has landed nevertheless, the one that is
   * sent again at its stream offset is answered with ALREADY_EXISTS, and recovery counts the rows.
   */
  private mayBeUnknownYet({ rows, createdAtMs }: OpenStream): boolean {
    return rows === 0 && performance.now() - createdAtMs < this.dependencies.limits.fallbackWaitMs;
  }

  /** Advances the position over the oldest appends that are acknowledged. */
  private settleAppended(stream: OpenStream): void {
    for (let [first] = this.inFlight; first?.status === 'appended'; [first] = this.inFlight) {
      const { batch, sentAtMs } = first;
      this.inFlight.shift();
      stream.rows += batch.rows.rows;
      batch.settled = true;
      this.rejections.accepted();
      this.progress.advanceTo(batch.endOffset);
      this.dependencies.observer.appended(batch.records, batch.rows, (performance.now() - sentAtMs) / 1000);
      this.progress.scheduleCommit();
    }
  }

  private reject(append: Append, rows: readonly RejectedRow[]): void {
    append.status = 'rejected';
    append.rejectedRows = new Map(
      rows
        .filter(({ index }) => index >= 0 && index < append.batch.records.length)
        .map(({ index, message }) => [index, { code: REJECTION_CODES.rejected, constraint: message }]),
    );
    this.lifecycle.enter('rejecting');
  }

  /** Puts what did not land back into the queue, once every append before it is acknowledged and every one behind answered. */
  private settleNotLanded(stream: OpenStream): void {
    const [first, ...behind] = this.inFlight;
    if (first?.status !== 'rejected' && first?.status !== 'too-early') return;
    if (behind.some(({ status }) => status === 'sent')) return;
    if (behind.some(({ status }) => status === 'appended')) {
      throw new AppendFailedError(
        `${this.lifecycle.partitionName}: an append behind one that did not land was acknowledged`,
        'rejected',
      );
    }
    this.inFlight = [];
    stream.next = stream.rows;
    this.isTooEarly = first.status === 'too-early';
    const pieces = first.status === 'rejected' ? divided(first) : [first.batch];
    // A rejection behind the first one counts only when its batch is sent again.
    this.queue.putBackPieces(
      first.batch,
      pieces,
      behind.map(({ batch }) => batch),
    );
    if (first.status === 'rejected') this.lifecycle.enter('running');
  }

  /** Dead-letters the next records of a run, then continues behind them. */
  private async deadLetter(stream: OpenStream, run: RejectedRun): Promise<void> {
    this.lifecycle.enter('rejecting');
    this.queue.shift();
    this.deadLettering = run;
    await this.rejections.deadLetter(run, stream);
    this.deadLettering = undefined;
    if (!run.settled) this.queue.putBack([run]);
    this.lifecycle.enter('running');
    this.sendDue();
    this.lifecycle.notifyChange();
  }

  /**
   * BigQuery closes idle connections. If no append is in flight, the sink opens a new connection and continues at the same
   * stream offset. If an append is in flight, its own answer fails the sink.
   */
  private replaceConnection(stream: OpenStream): void {
    if (this.inFlight.length === 0 && !this.isConnecting) this.failOnError(this.connect(stream));
  }

  private async connect(stream: OpenStream): Promise<void> {
    const { warehouse, delay } = this.dependencies;
    this.isConnecting = true;
    stream.appender.close();
    if (this.isTooEarly) await delay(TOO_EARLY_RETRY_MS, this.lifecycle.closed);
    this.isTooEarly = false;
    stream.appender = await warehouse.connect(stream.name);
    this.isConnecting = false;
    if (!this.lifecycle.isActive) stream.appender.close();
    this.sendDue();
  }

  private failOnError(work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.lifecycle.fail(error);
    });
  }
}

/** The pieces of a rejected batch. If BigQuery names no row, its halves, until the culprit is alone. */
function divided({ batch, rejectedRows }: Append): readonly QueuedBatch[] {
  if (rejectedRows.size > 0) return batch.divide(rejectedRows);
  if (batch.records.length > 1) return batch.halve();
  const reason = { code: REJECTION_CODES.rejected, constraint: 'BigQuery rejects the request' };
  return batch.divide(new Map([[0, reason]]));
}
