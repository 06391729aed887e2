import { askedAgain } from '../partitions/asked-again';

/** Where the partitions of the raw catalog begin and end. */
export interface RawCatalogBounds {
  readonly beginnings: readonly number[];
  readonly highWatermarks: readonly number[];
}

/**
 * The raw offsets up to which the catalog has to be evaluated. Undefined if a partition ends before what was read of it:
 * the raw catalog was deleted and re-created, or truncated. What its new log announces is not evaluated then, until an
 * operator moves the offset of the catalog's validator, so nothing can be awaited.
 *
 * @param read the raw offsets that were read, by partition
 */
export async function endsToAwait(
  read: readonly (number | undefined)[],
  fetchBounds: () => Promise<RawCatalogBounds>,
  retryMs?: number,
): Promise<number[] | undefined> {
  // What is read meanwhile lies below a later end.
  const ask = async () => ({ before: [...read], ...(await fetchBounds()) });
  const isShorter = ({ before, highWatermarks }: Awaited<ReturnType<typeof ask>>): boolean =>
    highWatermarks.some((end, partition) => end < (before[partition] ?? 0));
  const answer = await askedAgain(ask, isShorter, retryMs);
  return isShorter(answer) ? undefined : endsToRead(answer.beginnings, answer.highWatermarks);
}

/**
 * The high watermarks. What stands behind an open transaction was announced as well, and cannot be read yet. What
 * retention has removed counts as evaluated: otherwise a group that never committed would wait for ever for an empty
 * partition.
 */
export const endsToRead = (beginnings: readonly number[], highWatermarks: readonly number[]): number[] =>
  highWatermarks.map((end, partition) => ((beginnings[partition] ?? 0) >= end ? 0 : end));
