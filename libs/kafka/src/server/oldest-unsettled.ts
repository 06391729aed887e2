import { type RecordBatch } from '../record';

/** A handler that holds more batches than that has the newest of them counted as one. */
const MAX_BATCHES = 1_000;

/**
 * How long the oldest unsettled record of a partition has waited, told by the first record of each batch that was handed
 * over: never too short, and too long by the span of one batch at most.
 */
export class OldestUnsettled {
  private batches: { nextOffset: number; readonly timestamp: number }[] = [];
  private last: number | undefined;

  handedOver({ records: [first], nextOffset }: RecordBatch, durable: number): void {
    if (first === undefined) return;
    this.settle(durable);
    this.last = first.timestamp;
    const newest = this.batches.at(-1);
    if (newest !== undefined && this.batches.length >= MAX_BATCHES) newest.nextOffset = nextOffset;
    else this.batches.push({ nextOffset, timestamp: first.timestamp });
  }

  /** What was handed over from here on comes again; the oldest of it is still known. */
  rewind(durable: number): void {
    this.settle(durable);
    this.batches.length = Math.min(this.batches.length, 1);
  }

  /**
   * Milliseconds since the epoch; undefined while no record of the partition was ever seen.
   *
   * @param durable first offset that is not settled
   * @param queued timestamp of the first record that was not handed over, if there is one
   */
  timestamp(durable: number, queued: number | undefined): number | undefined {
    this.settle(durable);
    // Nothing in hand and nothing queued, and yet behind: what comes next is about as old as what came last.
    return this.batches[0]?.timestamp ?? queued ?? this.last;
  }

  private settle(durable: number): void {
    const unsettled = this.batches.findIndex(({ nextOffset }) => nextOffset > durable);
    if (unsettled !== 0) this.batches.splice(0, unsettled < 0 ? this.batches.length : unsettled);
  }
}
