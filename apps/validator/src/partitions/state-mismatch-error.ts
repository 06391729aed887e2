import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { PartitionRef } from '@orderstream/kafka';

/** The state topic does not hold the state of the committed position, although every commit writes both. */
export class StateMismatchError extends OrderstreamError {
  readonly code = 'STATE_UNREADABLE' satisfies ErrorCode;
  constructor(
    { topic, partition }: PartitionRef,
    committed: number,
    { nextOffset }: { readonly nextOffset: number | undefined },
  ) {
    const found = nextOffset === undefined ? 'nothing' : `the state of offset ${String(nextOffset)}`;
    super(
      `${topic}/${String(partition)} is committed up to ${String(committed)}, and its state topic holds ${found}: ` +
        'it was made anew or has lost its end, or somebody moved the position. Evaluating on would forget duplicates and ' +
        'orders. Restore what was changed, or rebuild the state of this partition; then resume.',
    );
  }
}
