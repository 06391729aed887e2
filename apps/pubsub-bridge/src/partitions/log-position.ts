import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { partitionName, type PartitionTransactions, type TopicPartition } from '@orderstream/kafka';
import { setPositionLine } from '@orderstream/service';

import { placeOf } from '../bridge-source';
import { readCommitState } from '../gaps/commit-metadata';

/** What of `PartitionTransactions` the bridge uses. */
export type Transactions = Pick<PartitionTransactions, 'committed' | 'commit' | 'assertCurrent' | 'close'>;

/** The committed offset is of a topic that was deleted and re-created. Only an operator's command moves it. */
export class LogMismatchError extends OrderstreamError {
  readonly code = 'LOG_MISMATCH' satisfies ErrorCode;
  constructor(ref: TopicPartition, offset: number, committed: string, found: string) {
    super(
      `${partitionName(ref)}: offset ${String(offset)} was committed for the topic with id ${committed}, and the ` +
        `topic of this name has id ${found}: it was deleted and re-created, and at this offset records of the new one ` +
        `would be left out. Nothing was published. Run ${setPositionLine('pubsub-bridge', placeOf(ref.topic), ref.partition, 'beginning')} ` +
        '(or `--to end`, `--to <offset>`; `--all` in place of the partition takes all of them), then ' +
        '`POST /admin/resume`; resume alone changes nothing (docs/pubsub-bridge.md#when-a-partition-stops).',
    );
  }
}

/** What shows that a committed offset is of another log; undefined if nothing does. An id that is absent shows nothing. */
export function differenceOf(
  ref: TopicPartition,
  { offset, metadata, topicId }: Transactions['committed'],
): LogMismatchError | undefined {
  const { log: known } = readCommitState(metadata);
  if (offset === undefined || known === undefined || topicId === undefined || known === topicId) return undefined;
  return new LogMismatchError(ref, offset, known, topicId);
}
