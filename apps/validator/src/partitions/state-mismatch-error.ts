import type { Family } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { setPositionLine } from '@orderstream/service';

/** The state topic, or the versions topic, does not hold what belongs to an offset, although every commit writes all. */
export class StateMismatchError extends OrderstreamError {
  readonly code = 'STATE_UNREADABLE' satisfies ErrorCode;
  constructor(
    family: Family,
    ref: TopicPartition,
    committed: number | undefined,
    nextOffset: number | undefined,
    place: 'state topic' | 'versions topic' = 'state topic',
  ) {
    const found = nextOffset === undefined ? 'nothing' : `the state of offset ${String(nextOffset)}`;
    const options = `--family ${family} --partition ${String(ref.partition)}`;
    const rebuild = `rebuild the state of the partition (\`npm run rebuild-state -- ${options}\`)`;
    // Without a state no offset can be chosen: what was accepted would be forgotten.
    const repair =
      nextOffset === undefined
        ? `Undo the change, or ${rebuild}`
        : `Undo the change, ${rebuild}, or choose the offset ` +
          `(${setPositionLine('validator', family, ref.partition, '<offset>')})`;
    super(
      `The committed offset of ${partitionName(ref)} is ${String(committed)}, and its ${place} holds ` +
        `${found}. The ${place} was re-created or truncated, or the committed offset was changed. With this state ` +
        `the validator would accept duplicates and reject known orders. ${repair}; then ` +
        '`POST /admin/resume` (docs/validator-state.md#repair).',
    );
  }
}
