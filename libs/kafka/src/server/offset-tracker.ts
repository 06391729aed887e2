/**
 * Tracks the lowest unsettled offset of one partition, for a consumer whose records are settled in any order.
 *
 * Offsets are tracked in ascending order; gaps are allowed (markers, compaction). Every offset below `committable()` is
 * settled. Bounded: the caller takes no records while the tracker is `full`.
 */
export class OffsetTracker {
  /** From `head` on: the tracked offsets from the lowest unsettled one. `settled` holds the settled ones among them. */
  private readonly offsets: number[] = [];
  private head = 0;
  private readonly settled = new Set<number>();
  private last: number | undefined;

  constructor(private readonly maxUnsettled: number) {}

  /** Number of offsets held: unsettled ones, and settled ones above an unsettled one. */
  get held(): number {
    return this.offsets.length - this.head;
  }

  get full(): boolean {
    return this.held >= this.maxUnsettled;
  }

  /** @throws RangeError when the offset does not ascend, or when the tracker is full */
  track(offset: number): void {
    if (this.last !== undefined && offset <= this.last) {
      throw new RangeError(`Offset ${offset.toString()} is not above ${this.last.toString()}`);
    }
    if (this.full) throw new RangeError(`More than ${this.maxUnsettled.toString()} offsets are unsettled`);
    this.offsets.push(offset);
    this.last = offset;
  }

  /**
   * Has no effect on an offset that is settled, or below the committable one.
   *
   * @throws RangeError when the offset is above the last tracked one
   */
  settle(offset: number): void {
    if (this.last === undefined || offset > this.last) {
      throw new RangeError(`Offset ${offset.toString()} was not tracked`);
    }
    const lowest = this.offsets[this.head];
    if (lowest === undefined || offset < lowest) return;
    this.settled.add(offset);
    this.advance();
  }

  /** The offset to commit: the lowest unsettled one, or the one after the last. Undefined before the first `track`. */
  committable(): number | undefined {
    return this.offsets[this.head] ?? (this.last === undefined ? undefined : this.last + 1);
  }

  private advance(): void {
    for (let lowest = this.offsets[this.head]; lowest !== undefined; lowest = this.offsets[this.head]) {
      if (!this.settled.delete(lowest)) break;
      this.head++;
    }
    // Amortised: removes at least half of the array at a time.
    if (this.head > 1_024 && this.head * 2 > this.offsets.length) {
      this.offsets.splice(0, this.head);
      this.head = 0;
    }
  }
}
