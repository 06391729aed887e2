/** Letters that a plan chose in one partition of a dead-letter topic, in the order in which they return. */
export class ChosenLetters {
  private offsets: Float64Array;
  private count = 0;

  constructor(capacity = 256) {
    this.offsets = new Float64Array(capacity);
  }

  get length(): number {
    return this.count;
  }

  add(offset: number): void {
    if (this.count === this.offsets.length) {
      const larger = new Float64Array(2 * this.offsets.length);
      larger.set(this.offsets);
      this.offsets = larger;
    }
    this.offsets[this.count++] = offset;
  }

  at(index: number): number {
    if (index < 0 || index >= this.count) throw new RangeError(`there is no chosen letter ${String(index)}`);
    return this.offsets[index] ?? NaN;
  }

  /** The differences of consecutive offsets, in text: `decode` reads it. Of letters from `begin` to before `end`. */
  encode(begin: number, end: number): string {
    const differences: string[] = [];
    let previous = 0;
    for (let index = begin; index < Math.min(end, this.count); index++) {
      const offset = this.at(index);
      differences.push((offset - previous).toString(36));
      previous = offset;
    }
    return differences.join(' ');
  }

  /** Adds the letters of an encoded text. @throws RangeError if it is damaged */
  decode(text: string): void {
    let previous = 0;
    for (const difference of text === '' ? [] : text.split(' ')) {
      previous += parseInt(difference, 36);
      if (!Number.isSafeInteger(previous) || previous < 0) throw new RangeError('the chosen letters are damaged');
      this.add(previous);
    }
  }

  /** Where each offset stands in the order. */
  positions(): ChosenPositions {
    return new ChosenPositions(this.offsets.subarray(0, this.count));
  }
}

/** Finds the position of an offset among chosen letters, whatever their order. */
export class ChosenPositions {
  private readonly sorted: Float64Array;
  private readonly order: Uint32Array;

  constructor(offsets: Float64Array) {
    const order = Uint32Array.from(offsets.keys());
    // Most are in the order of their offsets: to sort a million takes a second.
    const isSorted = offsets.every((offset, at) => at === 0 || offset >= (offsets[at - 1] ?? NaN));
    if (!isSorted) order.sort((a, b) => (offsets[a] ?? 0) - (offsets[b] ?? 0));
    this.order = order;
    this.sorted = Float64Array.from(order, (position) => offsets[position] ?? NaN);
  }

  /** The position; undefined for an offset that was not chosen. */
  of(offset: number): number | undefined {
    let low = 0;
    let high = this.sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.sorted[middle] ?? NaN) < offset) low = middle + 1;
      else high = middle;
    }
    return this.sorted[low] === offset ? this.order[low] : undefined;
  }
}
