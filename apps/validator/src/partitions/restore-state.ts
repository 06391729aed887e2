import { type Family, stateTopic } from '@orderstream/contracts';
import { readPartition } from '@orderstream/kafka';
import { PartitionState, type StateLimits, StateUnreadableError } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

/**
 * Builds a partition's state from the committed records of its state partition. The time it takes does not depend on
 * the length of the other logs.
 *
 * Failure semantics: only reads. To be called after the partition's transactional producer is open. That producer is
 * the only writer of the state partition: after fencing no transaction is open below its end, and what is read belongs
 * to the committed offset.
 *
 * @returns the state and the number of records read
 * @throws StateUnreadableError when the last record of a key is damaged or of an unknown version
 * @throws ReadTimeoutError when the broker does not answer; the signal's reason
 */
export async function restoreState(
  kafka: Kafka,
  family: Family,
  partition: number,
  limits: StateLimits,
  signal?: AbortSignal,
): Promise<{ readonly state: PartitionState; readonly records: number }> {
  const state = new PartitionState(limits);
  let records = 0;
  await readPartition(
    kafka,
    {
      topic: stateTopic(family),
      partition,
      from: 'beginning',
      until: 'end',
      isolation: 'committed',
      ...(signal && { signal }),
    },
    (batch) => {
      records += batch.records.length;
      for (const record of batch.records) {
        // A compacted topic takes no record without a key.
        if (record.key === null) throw new StateUnreadableError('(no key)', `offset ${String(record.offset)}`);
        state.restoreRecord(record.key, record.value);
      }
    },
  );
  state.finishRestore();
  return { state, records };
}
