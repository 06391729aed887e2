/**
 * Dead-lettered offsets at or after the position. Immutable. There are few, because all of them lie within the batch that
 * was rejected last.
 */
export class Exclusions {
  static readonly NONE = new Exclusions([]);

  private constructor(
    /** Ascending. */
    readonly offsets: readonly number[],
  ) {}

  static of(offsets: Iterable<number>): Exclusions {
    const sorted = [...new Set(offsets)].sort((a, b) => a - b);
    return sorted.length === 0 ? Exclusions.NONE : new Exclusions(sorted);
  }

  has(offset: number): boolean {
    return this.offsets.length > 0 && this.offsets.includes(offset);
  }

  with(offsets: Iterable<number>): Exclusions {
    return Exclusions.of([...this.offsets, ...offsets]);
  }

  /** The offsets from `offset` on. */
  from(offset: number): Exclusions {
    const [first] = this.offsets;
    if (first === undefined || first >= offset) return this;
    return Exclusions.of(this.offsets.filter((each) => each >= offset));
  }
}
