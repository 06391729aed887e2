/**
 * Offsets that are no rows: dead-lettered, at or behind the position. Immutable; a few at most, since they all lie
 * within the batch that was rejected last.
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

  get isEmpty(): boolean {
    return this.offsets.length === 0;
  }

  has(offset: number): boolean {
    return this.offsets.length > 0 && this.offsets.includes(offset);
  }

  with(offsets: Iterable<number>): Exclusions {
    return Exclusions.of([...this.offsets, ...offsets]);
  }

  /** Those at `offset` and behind it. */
  from(offset: number): Exclusions {
    const [first] = this.offsets;
    if (first === undefined || first >= offset) return this;
    return Exclusions.of(this.offsets.filter((each) => each >= offset));
  }
}
