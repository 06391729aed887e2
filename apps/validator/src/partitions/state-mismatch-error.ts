import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { TopicPartition } from '@orderstream/kafka';

/** The state topic does not hold the state of the committed offset, although every commit writes both. */
export class StateMismatchError extends OrderstreamError {
  readonly code = 'STATE_UNREADABLE' satisfies ErrorCode;
  constructor(
    { topic, partition }: TopicPartition,
    committed: number,
    { nextOffset }: { readonly nextOffset: number | undefined },
  ) {
    const found = nextOffset === undefined ? 'nothing' : `the state of offset ${String(nextOffset)}`;
    super(
      `The committed offset of ${topic}/${String(partition)} is ${String(committed)}, and its state topic holds ` +
        `${found}. The state topic was re-created or truncated, or the committed offset was changed. With this state ` +
        'the validator would accept duplicates and reject known orders. Undo the change, or rebuild the state of the ' +
        'partition (`rebuild-state`); then resume the validator.',
    );
  }
}
