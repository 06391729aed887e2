/** What the index has of one dead letter, beside its place. */
export interface LetterEntry {
  /** Of the dead letter itself. */
  readonly offset: number;
  /** `dlq-failed-at`, milliseconds since 1970. */
  readonly failedAtMs: number;
  /** Number of its fingerprint, and of its event type, in the lists of the index. */
  readonly fingerprint: number;
  readonly type: number;
  /** Hash of the record's key; see `keyHash`. */
  readonly key: number;
  readonly attempt: number;
  readonly sourcePartition: number;
  readonly sourceOffset: number;
}

const FIRST_CAPACITY = 256;
const MAX_ATTEMPT = 255;

/** Copies the entries from one index on into an array of this length. */
function moved<T extends Float64Array | Uint32Array | Uint16Array | Uint8Array>(
  next: T,
  from: T,
  begin: number,
  end: number,
): T {
  next.set(from.subarray(begin, end));
  return next;
}

/**
 * The dead letters of one partition, in the order of their offsets, in columns: 48 bytes each.
 *
 * Letters are listed by the time of their failure. The clocks that stamp it may differ, so the order of a letter is the
 * latest time up to it: that never decreases, and equals the order of the offsets within the partition.
 */
export class LetterColumns {
  private offsets = new Float64Array(0);
  private failed = new Float64Array(0);
  private order = new Float64Array(0);
  private sourceOffsets = new Float64Array(0);
  private fingerprints = new Uint32Array(0);
  private keys = new Uint32Array(0);
  private sourcePartitions = new Uint32Array(0);
  private types = new Uint16Array(0);
  private attempts = new Uint8Array(0);
  /** Index of the first letter: those before it were removed. */
  private begin = 0;
  private end = 0;

  get count(): number {
    return this.end - this.begin;
  }

  /** Offset behind the last letter; 0 if there was none. */
  get nextOffset(): number {
    return this.end === 0 ? 0 : this.at(this.offsets, this.end - 1) + 1;
  }

  /** @throws RangeError if the offset is not behind the last one */
  add(entry: LetterEntry): void {
    if (entry.offset < this.nextOffset) {
      throw new RangeError(`offset ${String(entry.offset)} is not behind ${String(this.nextOffset - 1)}`);
    }
    if (this.end === this.offsets.length) this.resize();
    const place = this.end;
    const before = this.count === 0 ? -Infinity : this.at(this.order, place - 1);
    this.offsets[place] = entry.offset;
    this.failed[place] = entry.failedAtMs;
    this.order[place] = Math.max(before, entry.failedAtMs);
    this.sourceOffsets[place] = entry.sourceOffset;
    this.fingerprints[place] = entry.fingerprint;
    this.keys[place] = entry.key;
    this.sourcePartitions[place] = entry.sourcePartition;
    this.types[place] = entry.type;
    this.attempts[place] = Math.min(entry.attempt, MAX_ATTEMPT);
    this.end++;
  }

  /** Forgets the letters below this offset: retention has removed them. */
  removeBelow(offset: number): void {
    this.begin += this.countBelow(offset);
  }

  /** Forgets the first letters. */
  removeFirst(count: number): void {
    this.begin = Math.min(this.end, this.begin + count);
  }

  /** The letter at this position, from 0 to `count` - 1. */
  entry(position: number): LetterEntry {
    const place = this.placeOf(position);
    return {
      offset: this.at(this.offsets, place),
      failedAtMs: this.at(this.failed, place),
      fingerprint: this.at(this.fingerprints, place),
      type: this.at(this.types, place),
      key: this.at(this.keys, place),
      attempt: this.at(this.attempts, place),
      sourcePartition: this.at(this.sourcePartitions, place),
      sourceOffset: this.at(this.sourceOffsets, place),
    };
  }

  offset(position: number): number {
    return this.at(this.offsets, this.placeOf(position));
  }

  /** The time by which the letter is listed. */
  orderMs(position: number): number {
    return this.at(this.order, this.placeOf(position));
  }

  /** Number of letters with a smaller offset. */
  countBelow(offset: number): number {
    return this.countOf((place) => this.at(this.offsets, place) < offset);
  }

  /** Number of letters that are listed before this time. */
  countBefore(orderMs: number): number {
    return this.countOf((place) => this.at(this.order, place) < orderMs);
  }

  /** Number of letters that are listed at this time or before it. */
  countUpTo(orderMs: number): number {
    return this.countOf((place) => this.at(this.order, place) <= orderMs);
  }

  /** Number of the first letters for which the condition holds; it holds for none behind them. */
  private countOf(holds: (place: number) => boolean): number {
    let low = this.begin;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(middle)) low = middle + 1;
      else high = middle;
    }
    return low - this.begin;
  }

  private placeOf(position: number): number {
    if (position < 0 || position >= this.count) throw new RangeError(`there is no letter ${String(position)}`);
    return this.begin + position;
  }

  private at(column: Float64Array | Uint32Array | Uint16Array | Uint8Array, place: number): number {
    return column[place] ?? NaN;
  }

  /** Makes room: by moving the letters to the front if half of it is free there, else by twice the size. */
  private resize(): void {
    const { begin, end, count } = this;
    const capacity = Math.max(FIRST_CAPACITY, count <= end / 2 ? end : 2 * end);
    this.offsets = moved(new Float64Array(capacity), this.offsets, begin, end);
    this.failed = moved(new Float64Array(capacity), this.failed, begin, end);
    this.order = moved(new Float64Array(capacity), this.order, begin, end);
    this.sourceOffsets = moved(new Float64Array(capacity), this.sourceOffsets, begin, end);
    this.fingerprints = moved(new Uint32Array(capacity), this.fingerprints, begin, end);
    this.keys = moved(new Uint32Array(capacity), this.keys, begin, end);
    this.sourcePartitions = moved(new Uint32Array(capacity), this.sourcePartitions, begin, end);
    this.types = moved(new Uint16Array(capacity), this.types, begin, end);
    this.attempts = moved(new Uint8Array(capacity), this.attempts, begin, end);
    this.begin = 0;
    this.end = count;
  }
}
