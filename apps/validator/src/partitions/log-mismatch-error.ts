import type { Family } from '@orderstream/contracts';
import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import type { TopicPartition } from '@orderstream/kafka';

/** The log does not go on where the committed offset, or the state, ends. Only an operator's command moves the offset. */
export class LogMismatchError extends OrderstreamError {
  readonly code = 'LOG_MISMATCH' satisfies ErrorCode;
  constructor(family: Family, { topic, partition }: TopicPartition, found: string, meaning: string) {
    const command = `\`set-position --family ${family} --partition ${String(partition)}`;
    super(
      `${topic}/${String(partition)}: ${found}. ${meaning} No record was evaluated and no offset was moved. ` +
        `To go on, run the validator's ${command} --to beginning\` (or \`--to end\`, \`--to <offset>\`; \`--all\` in ` +
        'place of the partition takes the whole family): what it leaves out counts as passed over in the accounts. ' +
        'If instead the state topic is of another installation, run `rebuild-state`. Then resume the validator; ' +
        '`resume` alone changes nothing.',
    );
  }
}

/** What a log that differs may mean. */
export const RE_CREATED =
  'The topic was deleted and re-created, or its log was truncated: the offset is of another log, and records of this ' +
  'one would be left out.';
/** What a log that begins later means. */
export const EXPIRED = 'Retention has removed records that were not evaluated.';
