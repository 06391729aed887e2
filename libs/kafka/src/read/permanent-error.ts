import { OffsetOutOfRangeError } from '../errors';
import { partitionName } from '../topic-partition';
import { type FetchFailed, UNREADABLE } from './log-client';
import { OFFSET_OUT_OF_RANGE } from './protocol-errors';

/** The error of a failed fetch that no retry helps; undefined when a retry may help. */
export function permanentErrorOf(failed: FetchFailed): Error | undefined {
  if (failed.code === UNREADABLE) return failed.error;
  if (failed.code !== OFFSET_OUT_OF_RANGE) return undefined;
  return new OffsetOutOfRangeError(
    `The log of ${partitionName(failed)} does not hold offset ${failed.offset.toString()}: ` +
      'retention has deleted it, or the topic was re-created or truncated.',
    { cause: failed.error },
  );
}
