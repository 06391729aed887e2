import type { AppendErrorReason, AppendOutcome } from '@orderstream/bigquery';

import type { BatchQueue } from './batch-queue';
import type { MicroBatch } from './micro-batch';
import type { OpenStream, Progress } from './progress';
import { commitRefusal } from './refusals';
import { AppendFailedError } from './sink-errors';
import type { SinkLife } from './sink-life';
import type { PartitionSinkParts } from './sink-parts';

interface Append {
  readonly batch: MicroBatch;
  readonly sentAtMs: number;
  /** `refused`: by BigQuery, or by the encoder and never sent. `behind`: answered, behind one that was refused. */
  status: 'sent' | 'appended' | 'refused' | 'behind';
  /** Rows that BigQuery refused: index and what it said. */
  refusedRows: ReadonlyMap<number, string>;
}

/** What BigQuery may say of an append behind a refused one (the comments of AppendRowsResponse.error). */
const BEHIND_REFUSED: ReadonlySet<AppendErrorReason> = new Set<AppendErrorReason>(['out-of-range', 'aborted']);

const NO_ROWS: ReadonlyMap<number, string> = new Map();

/**
 * The appends of a running sink: sent in order at consecutive stream offsets, several under way, and settled in order.
 * A refused one stops the sending until the refused records are dead letters (state `refusing`).
 *
 * Failure semantics: an answer that is lost, or an error that no refusal before it explains, fails the sink. What was
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
      if (batch.refused.length > 0) {
        this.queue.shift();
        this.refuse({ batch, sentAtMs: 0, status: 'refused', refusedRows: NO_ROWS });
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
    const append: Append = { batch, sentAtMs: performance.now(), status: 'sent', refusedRows: NO_ROWS };
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
    const isBehindRefused = this.inFlight
      .slice(0, this.inFlight.indexOf(append))
      .some(({ status }) => status === 'refused');
    switch (outcome.kind) {
      case 'appended':
        append.status = 'appended';
        this.settleAppended();
        break;
      case 'refused':
        append.refusedRows = new Map(outcome.rows.map(({ index, message }) => [index, message]));
        if (isBehindRefused) append.status = 'behind';
        else this.refuse(append);
        break;
      case 'error':
      case 'lost':
        // Behind a refused append nothing can land: its place in the stream is missing. Anything else is not explained.
        if (outcome.kind === 'lost' || !isBehindRefused || !BEHIND_REFUSED.has(outcome.reason)) {
          throw new AppendFailedError(`append of ${this.life.place} failed: ${outcome.message}`, outcome.reason);
        }
        append.status = 'behind';
        break;
    }
    this.settleRefused();
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

  /** Nothing more is sent until the refused records are dead letters. */
  private refuse(append: Append): void {
    append.status = 'refused';
    if (!this.inFlight.includes(append)) this.inFlight.push(append);
    if (this.life.state !== 'refusing') this.life.enter('refusing');
    this.settleRefused();
  }

  /** Once everything before is acknowledged and everything behind is answered, the refused records leave the stream. */
  private settleRefused(): void {
    const { stream } = this.progress;
    const [refused, ...behind] = this.inFlight;
    if (this.life.state !== 'refusing' || refused?.status !== 'refused' || stream === undefined) return;
    if (behind.some(({ status }) => status === 'sent')) return;
    if (behind.some(({ status }) => status === 'appended')) {
      throw new AppendFailedError(`${this.life.place}: an append behind a refused one was acknowledged`, 'rejected');
    }
    this.inFlight = [];
    // What was refused behind it is judged again when its own turn comes.
    this.queue.putBack([refused.batch, ...behind.map(({ batch }) => batch)]);
    this.orFail(this.goOnWithout(stream, refused));
  }

  /** Then the rest of the batch goes by itself, and what was behind it, at new stream offsets. */
  private async goOnWithout(stream: OpenStream, { batch, refusedRows }: Append): Promise<void> {
    await commitRefusal(this.parts, this.progress, stream, batch, refusedRows);
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
