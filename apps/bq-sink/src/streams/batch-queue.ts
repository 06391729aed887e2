import type { KafkaRecord } from '@orderstream/kafka';

import { type BatchLimits, MicroBatch, type RowSource } from './micro-batch';

export interface BatchQueueOptions {
  readonly mapper: RowSource;
  readonly limits: BatchLimits & { readonly lingerMs: number };
  /** Called when the linger time of a batch is over. */
  readonly onDue: () => void;
}

/** Records that are taken and not sent yet, in order: sealed micro-batches, then one that is still being filled. */
export class BatchQueue {
  private sealed: MicroBatch[] = [];
  private filling: MicroBatch | undefined;
  private hasLingered = false;
  /** The batch of the last record taken, queued or sent. */
  private last: MicroBatch | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BatchQueueOptions) {}

  /** Number of sealed batches. */
  get length(): number {
    return this.sealed.length;
  }

  get batches(): readonly MicroBatch[] {
    return this.filling === undefined ? this.sealed : [...this.sealed, this.filling];
  }

  add(record: KafkaRecord): void {
    const { mapper, limits, onDue } = this.options;
    const fits = this.filling?.add(record, mapper, limits) ?? false;
    if (!fits) {
      this.seal();
      const batch = new MicroBatch(record.offset);
      batch.add(record, mapper, limits);
      this.filling = batch;
      this.last = batch;
      this.lingerTimer = setTimeout(() => {
        this.hasLingered = true;
        onDue();
      }, limits.lingerMs);
    }
    if (this.filling?.isFull(limits) === true) this.seal();
  }

  /**
   * Transaction markers and exclusions after the last record are settled with its batch. Returns false if that batch is
   * settled already.
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

  /** The next batch to send. A batch whose linger time is over takes more records until this call. */
  due(): MicroBatch | undefined {
    if (this.sealed.length === 0 && this.hasLingered) this.seal();
    return this.sealed[0];
  }

  /** Removes the batch that `due` returned. */
  shift(): void {
    this.sealed.shift();
  }

  /** Puts batches that must be sent again in front of the others. */
  putBack(batches: readonly MicroBatch[]): void {
    this.sealed.unshift(...batches);
  }

  close(): void {
    clearTimeout(this.lingerTimer);
  }
}
