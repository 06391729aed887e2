import type { Family } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type TopicPartition } from '@orderstream/kafka';
import { setPositionLine } from '@orderstream/service';

/** The log does not go on where the committed offset, or the state, ends. Only an operator's command moves the offset. */
export class LogMismatchError extends OrderstreamError {
  readonly code = 'LOG_MISMATCH' satisfies ErrorCode;
  constructor(family: Family, ref: TopicPartition, found: string, meaning: string) {
    super(
      `${partitionName(ref)}: ${found}. ${meaning} No record was evaluated and no offset was moved. ` +
        `To go on, run ${setPositionLine('validator', family, ref.partition, 'beginning')} (or \`--to end\`, ` +
        '`--to <offset>`; `--all` in place of the partition takes the whole family): what it leaves out counts as passed ' +
        'over in the accounts. If instead the state topic is of another installation, restore the right one first. Then ' +
        '`POST /admin/resume`; resume alone changes nothing (docs/validator-state.md#another-log).',
    );
  }
}

/** What a log that differs may mean. */
export const RE_CREATED =
  'The topic was deleted and re-created, or its log was truncated: the offset is of another log, and records of this ' +
  'one would be left out.';
/** What a log that begins later means. */
export const EXPIRED = 'Retention has removed records that were not evaluated.';
