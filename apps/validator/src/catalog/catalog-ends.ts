import { setTimeout as delay } from 'node:timers/promises';

/** Where the partitions of the raw catalog begin and end. */
export interface RawCatalogBounds {
  readonly beginnings: readonly number[];
  readonly highWatermarks: readonly number[];
}

/** A broker that has just started may answer with an earlier end for a moment: it is asked again before that counts. */
const TRIES = 3;
const RETRY_MS = 500;

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
  retryMs = RETRY_MS,
): Promise<number[] | undefined> {
  for (let tries = 1; ; tries++) {
    // What is read meanwhile lies below a later end.
    const before = [...read];
    const { beginnings, highWatermarks } = await fetchBounds();
    const isShorter = highWatermarks.some((end, partition) => end < (before[partition] ?? 0));
    if (!isShorter) return endsToRead(beginnings, highWatermarks);
    if (tries === TRIES) return undefined;
    await delay(retryMs);
  }
}

/**
 * The high watermarks. What stands behind an open transaction was announced as well, and cannot be read yet. What
 * retention has removed counts as evaluated: otherwise a group that never committed would wait for ever for an empty
 * partition.
 */
export const endsToRead = (beginnings: readonly number[], highWatermarks: readonly number[]): number[] =>
  highWatermarks.map((end, partition) => ((beginnings[partition] ?? 0) >= end ? 0 : end));
