import { type BatchPlace } from '../errors';

/**
 * How many records of a batch that cannot be decoded a reader leaves out, by its header. Where compaction has removed records,
 * it may be fewer than the offsets.
 *
 * @param from the first offset of the reader
 * @param until the offset at which it ends
 */
export const unreadIn = (
  { baseOffset, nextOffset, records }: Pick<BatchPlace, 'baseOffset' | 'nextOffset' | 'records'>,
  from: number,
  until: number = nextOffset,
): number => Math.max(0, Math.min(records, Math.min(nextOffset, until) - Math.max(from, baseOffset)));
