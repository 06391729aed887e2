import { ProtocolViolation } from '../../../../test/model-checking/model';

// Looked up once: access to a global is slow in jest's sandbox.
const { clz32 } = Math;

/** A set of offsets as a bitmap: bit o stands for offset o. A log of the model has fewer than 31 entries. */
export type OffsetSet = number;

export const NO_OFFSETS: OffsetSet = 0;

export const only = (offset: number): OffsetSet => 1 << offset;
export const has = (set: OffsetSet, offset: number): boolean => (set & (1 << offset)) !== 0;
/** The offsets from `offset` on. */
export const from = (set: OffsetSet, offset: number): OffsetSet => (set >>> offset) << offset;
/** The lowest offset; 32 if the set is empty. */
export const firstOf = (set: OffsetSet): number => (set === 0 ? 32 : 31 - clz32(set & -set));
export const laterOf = (a: number, b: number): number => (a > b ? a : b);
/** The highest offset; -1 if the set is empty. */
export const lastOf = (set: OffsetSet): number => 31 - clz32(set);

export function countOf(set: OffsetSet): number {
  let count = 0;
  for (let rest = set; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Ascending. */
export function listOf(set: OffsetSet): number[] {
  const offsets: number[] = [];
  for (let rest = set; rest !== 0; rest &= rest - 1) offsets.push(firstOf(rest));
  return offsets;
}

/**
 * The partition's log up to an end, with one letter per offset: `o` a valid record, `b` a record that BigQuery rejects,
 * `x` a record that the encoder rejects, `f` a record that BigQuery rejects on some attempts, `-` a transaction marker (an
 * offset without a record).
 */
export class Log {
  readonly end: number;
  readonly records: OffsetSet;
  /** Rejected by BigQuery on every attempt. */
  readonly rejected: OffsetSet;
  /** Rejected by BigQuery on some attempts or on every attempt. */
  readonly rejectable: OffsetSet;
  /** Rejected by the encoder. */
  readonly unencodable: OffsetSet;
  private readonly earlier: Log[] = [];

  constructor(readonly entries: string) {
    const all = (kinds: string): OffsetSet =>
      Array.from(entries).reduce(
        (set, entry, offset) => (kinds.includes(entry) ? set | only(offset) : set),
        NO_OFFSETS,
      );
    this.end = entries.length;
    this.records = all('obxf');
    this.rejected = all('b');
    this.rejectable = all('bf');
    this.unencodable = all('x');
  }

  /** The log when it ended at `end`. */
  upTo(end: number): Log {
    return end === this.end ? this : (this.earlier[end] ??= new Log(this.entries.slice(0, end)));
  }

  /** The offset after the first `count` records from `offset` on. */
  skip(offset: number, count: number): number {
    let at = offset;
    for (let left = count; left > 0; at++) {
      if (at >= this.end) throw new ProtocolViolation('stops: more rows are durable than the log has records');
      if (has(this.records, at)) left--;
    }
    return at;
  }

  /** The first offset from `offset` on that is not a marker. */
  nextRecord(offset: number): number {
    let at = offset;
    while (at < this.end && !has(this.records, at)) at++;
    return at;
  }
}
