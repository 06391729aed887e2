import type { KafkaRecord } from '@orderstream/kafka';

import { type BatchLimits, MicroBatch, type RowSource } from './micro-batch';

export interface BatchQueueOptions {
  readonly mapper: RowSource;
  readonly limits: BatchLimits & { readonly lingerMs: number };
  /** A batch may have become due. */
  readonly onDue: () => void;
}

/** Records that were taken and not sent, in order: sealed micro-batches, and behind them one that still fills. */
export class BatchQueue {
  private sealed: MicroBatch[] = [];
  private filling: MicroBatch | undefined;
  private lingered = false;
  /** The batch that the last record taken went into, wherever it is now. */
  private tail: MicroBatch | undefined;
  private lingerTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: BatchQueueOptions) {}

  /** Batches that get no more records. */
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
      this.tail = batch;
      this.lingerTimer = setTimeout(() => {
        this.lingered = true;
        onDue();
      }, limits.lingerMs);
    }
    if (this.filling?.isFull(limits) === true) this.seal();
  }

  /** Transaction markers and exclusions behind the last record settle with it. Returns false when that is settled already. */
  extendTo(offset: number): boolean {
    if (this.tail === undefined || this.tail.settled) return false;
    if (offset > this.tail.endOffset) this.tail.endOffset = offset;
    return true;
  }

  /** The batch that fills gets no more records. */
  seal(): void {
    clearTimeout(this.lingerTimer);
    this.lingered = false;
    if (this.filling === undefined) return;
    this.sealed.push(this.filling);
    this.filling = undefined;
  }

  /** The batch that is due first; one that has lingered long enough goes on filling until it is asked for. */
  due(): MicroBatch | undefined {
    if (this.sealed.length === 0 && this.lingered) this.seal();
    return this.sealed[0];
  }

  /** Takes out what `due` told of. */
  shift(): void {
    this.sealed.shift();
  }

  /** Batches that are to be sent again, in front of the others. */
  putBack(batches: readonly MicroBatch[]): void {
    this.sealed.unshift(...batches);
  }

  close(): void {
    clearTimeout(this.lingerTimer);
  }
}
