import { type RecordBatch } from '../record';

/** Further batches count as part of the newest one. */
const MAX_BATCHES = 1_000;

/**
 * The timestamp of the oldest unsettled record of a partition, estimated by the first record of each batch that was handed
 * over: never too young, and too old by at most the span of one batch.
 */
export class OldestUnsettled {
  private batches: { nextOffset: number; readonly timestamp: number }[] = [];
  private last: number | undefined;

  /** @param firstUnsettled first offset that is not settled */
  handedOver({ records: [first], nextOffset }: RecordBatch, firstUnsettled: number): void {
    if (first === undefined) return;
    this.settle(firstUnsettled);
    this.last = first.timestamp;
    const newest = this.batches.at(-1);
    if (newest !== undefined && this.batches.length >= MAX_BATCHES) newest.nextOffset = nextOffset;
    else this.batches.push({ nextOffset, timestamp: first.timestamp });
  }

  /** The records from this offset on are handed over again. The oldest timestamp stays known. */
  rewind(firstUnsettled: number): void {
    this.settle(firstUnsettled);
    this.batches.length = Math.min(this.batches.length, 1);
  }

  /**
   * Milliseconds since the Unix epoch; undefined while no record of the partition was handed over or queued.
   *
   * @param firstUnsettled first offset that is not settled
   * @param queued timestamp of the first queued record
   */
  timestamp(firstUnsettled: number, queued: number | undefined): number | undefined {
    this.settle(firstUnsettled);
    // With nothing taken and nothing queued, the next record is about as old as the last one.
    return this.batches[0]?.timestamp ?? queued ?? this.last;
  }

  private settle(firstUnsettled: number): void {
    const unsettled = this.batches.findIndex(({ nextOffset }) => nextOffset > firstUnsettled);
    if (unsettled !== 0) this.batches.splice(0, unsettled < 0 ? this.batches.length : unsettled);
  }
}
