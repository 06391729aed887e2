import type { KafkaRecord, TopicPartition } from '@orderstream/kafka';
import type { BatchOperation, RecordOutcome } from '@orderstream/observability';
import { OUTCOME_LABELS } from '../validator-metrics';
import type { EvaluatedBatch, SettledVerdict } from './evaluate-batch';

/** The span of a batch, from the queue of its partition to its commit. */
export const receiveOperation = (consumerGroup: string, { topic }: TopicPartition): BatchOperation => ({
  name: 'receive',
  type: 'receive',
  system: 'kafka',
  destination: topic,
  consumerGroup,
  records: 'process',
});

const OUTCOMES = {
  accept: OUTCOME_LABELS.accepted,
  repair: OUTCOME_LABELS.repaired,
  reject: OUTCOME_LABELS.deadLettered,
  skip: OUTCOME_LABELS.skipped,
} as const satisfies Record<SettledVerdict, string>;

/** What became of a record, for its span; undefined while it was not evaluated. */
export function outcomeOf(
  record: KafkaRecord,
  records: readonly KafkaRecord[],
  { verdicts, deadLettered }: Pick<EvaluatedBatch, 'verdicts' | 'deadLettered'>,
): RecordOutcome | undefined {
  const verdict = verdicts[records.indexOf(record)];
  if (verdict === undefined) return undefined;
  const rejected = deadLettered.find((one) => one.record === record);
  return { outcome: OUTCOMES[verdict], reason: rejected?.reasons[0]?.code };
}
