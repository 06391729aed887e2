import type { Exclusions } from './exclusions';

export interface SkippedRows {
  /** Index of the first record that is neither durable nor excluded; the length if there is none. */
  readonly index: number;
  /** Durable rows whose records follow in later batches. */
  readonly remaining: number;
}

/**
 * Finds the records of `durableRows` rows that are durable beyond the position: the first records from there on that are
 * not excluded. It counts records, not offsets, because transaction markers have offsets and no row.
 */
export function skipDurableRows(
  records: readonly { readonly offset: number }[],
  durableRows: number,
  exclusions: Exclusions,
): SkippedRows {
  let remaining = durableRows;
  for (const [index, { offset }] of records.entries()) {
    if (exclusions.has(offset)) continue;
    if (remaining === 0) return { index, remaining: 0 };
    remaining--;
  }
  return { index: records.length, remaining };
}
