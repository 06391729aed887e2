import type { KafkaRecord } from '@orderstream/kafka';

import { type BatchLimits, MicroBatch, type RowSource } from './micro-batch';
import { RejectedRun, type Rejection } from './rejected-run';

export interface BatchQueueOptions {
  readonly mapper: RowSource;
  readonly limits: BatchLimits & { readonly lingerMs: number };
  /** Called when the linger time of a batch is over. */
  readonly onDue: () => void;
}

/** An append to send, or records to dead-letter. */
export type QueuedBatch = MicroBatch | RejectedRun;

/** Records that are taken and not sent yet, in order: sealed batches and rejected runs, then a batch that is being filled. */
export class BatchQueue {
  private sealed: QueuedBatch[] = [];
  private filling: MicroBatch | undefined;
  /** Has no row; the next one to be filled. A record that cannot be encoded leaves it empty. */
  private empty = new MicroBatch();
  private hasLingered = false;
  /** The batch of the last record taken, queued or sent. */
  private last: QueuedBatch | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BatchQueueOptions) {}

  /** Number of sealed batches. */
  get length(): number {
    return this.sealed.length;
  }

  get batches(): readonly QueuedBatch[] {
    return this.filling === undefined ? this.sealed : [...this.sealed, this.filling];
  }

  add(record: KafkaRecord): void {
    const { mapper, limits } = this.options;
    let added = this.filling?.add(record, mapper, limits) ?? 'full';
    if (added === 'full') {
      this.seal();
      added = this.empty.add(record, mapper, limits);
      if (added === 'added') this.fillEmpty();
    }
    if (typeof added === 'object') this.addRejection({ record, reason: added });
    if (this.filling?.isFull(limits) === true) this.seal();
  }

  /**
   * Transaction markers after the last record are settled with its batch. Returns false if that batch is settled already.
   */
  extendTo(offset: number): boolean {
    if (this.last === undefined || this.last.settled) return false;
    if (offset > this.last.endOffset) this.last.endOffset = offset;
    return true;
  }

  /** Closes the batch that is being filled. */
  seal(): void {
    clearTimeout(this.lingerTimer);
    this.hasLingered = false;
    if (this.filling === undefined) return;
    this.sealed.push(this.filling);
    this.filling = undefined;
  }

  /** The next batch to send, or the next run to dead-letter. A batch whose linger time is over takes more records until this call. */
  due(): QueuedBatch | undefined {
    if (this.sealed.length === 0 && this.hasLingered) this.seal();
    return this.sealed[0];
  }

  /** Removes what `due` returned. */
  shift(): void {
    this.sealed.shift();
  }

  /** Puts what must be sent again in front of the others. */
  putBack(batches: readonly QueuedBatch[]): void {
    this.sealed.unshift(...batches);
  }

  /** Puts the pieces of a batch that was sent, and the batches behind it, in front of the others. */
  putBackPieces(divided: MicroBatch, pieces: readonly QueuedBatch[], behind: readonly QueuedBatch[]): void {
    if (this.last === divided) this.last = pieces.at(-1);
    this.putBack([...pieces, ...behind]);
  }

  close(): void {
    clearTimeout(this.lingerTimer);
  }

  private fillEmpty(): void {
    this.filling = this.empty;
    this.last = this.empty;
    this.empty = new MicroBatch();
    this.lingerTimer = setTimeout(() => {
      this.hasLingered = true;
      this.options.onDue();
    }, this.options.limits.lingerMs);
  }

  private addRejection(rejection: Rejection): void {
    this.seal();
    const last = this.sealed.at(-1);
    if (last instanceof RejectedRun && last.add(rejection)) return;
    this.last = new RejectedRun(rejection);
    this.sealed.push(this.last);
  }
}
