/**
 * The lowest unsettled offset of one partition, for a consumer whose records are settled in any order.
 *
 * Offsets are tracked in ascending order; gaps are allowed (markers, compaction). Everything below `committable()` is
 * settled. Bounded: the owner asks `full` and takes no more records meanwhile.
 */
export class OffsetTracker {
  /** Tracked offsets from the lowest unsettled one on; settled ones in between are marked. */
  private readonly offsets: number[] = [];
  private head = 0;
  private readonly settled = new Set<number>();
  private last: number | undefined;

  constructor(private readonly maxUnsettled: number) {}

  /** Offsets that are held: unsettled ones, and settled ones behind an unsettled one. */
  get held(): number {
    return this.offsets.length - this.head;
  }

  get full(): boolean {
    return this.held >= this.maxUnsettled;
  }

  /** @throws RangeError when the offset does not ascend, or the tracker is full */
  track(offset: number): void {
    if (this.last !== undefined && offset <= this.last) {
      throw new RangeError(`Offset ${offset.toString()} is not above ${this.last.toString()}`);
    }
    if (this.full) throw new RangeError(`More than ${this.maxUnsettled.toString()} offsets are unsettled`);
    this.offsets.push(offset);
    this.last = offset;
  }

  /** Settling again, or an offset below the committable one, changes nothing. @throws RangeError beyond what was tracked */
  settle(offset: number): void {
    if (this.last === undefined || offset > this.last)
      throw new RangeError(`Offset ${offset.toString()} was not tracked`);
    const lowest = this.offsets[this.head];
    if (lowest === undefined || offset < lowest) return;
    this.settled.add(offset);
    this.advance();
  }

  /** The next offset to read of a consumer that may forget all that is settled; undefined before the first `track`. */
  committable(): number | undefined {
    return this.offsets[this.head] ?? (this.last === undefined ? undefined : this.last + 1);
  }

  private advance(): void {
    for (let lowest = this.offsets[this.head]; lowest !== undefined; lowest = this.offsets[this.head]) {
      if (!this.settled.delete(lowest)) break;
      this.head++;
    }
    // Amortised: half of the array is given back at a time.
    if (this.head > 1_024 && this.head * 2 > this.offsets.length) {
      this.offsets.splice(0, this.head);
      this.head = 0;
    }
  }
}
