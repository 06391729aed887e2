import { type Family, stateTopic } from '@orderstream/contracts';
import { readPartition } from '@orderstream/kafka';
import { PartitionState, type StateLimits, StateUnreadableError } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

/**
 * Builds a partition's state from what is committed: the state partition from its beginning. How long the other logs are
 * does not matter.
 *
 * Failure semantics: reads only. To be called after the partition's producer is open: it is the only writer of the state
 * partition, so that after the fencing nothing is undecided below its end, and what is read is what the committed
 * position belongs to.
 *
 * @throws StateUnreadableError when a record that counts is damaged or of an unknown version
 * @throws ReadTimeoutError when the broker does not answer; the signal's reason
 */
export async function restoreState(
  kafka: Kafka,
  family: Family,
  partition: number,
  limits: StateLimits,
  signal?: AbortSignal,
): Promise<RestoredState> {
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
        // A record without a key cannot be in a compacted topic.
        if (record.key === null) throw new StateUnreadableError('(no key)', `offset ${String(record.offset)}`);
        state.restoreRecord(record.key, record.value);
      }
    },
  );
  state.finishRestore();
  return { state, records };
}

export interface RestoredState {
  readonly state: PartitionState;
  /** Read to build it. */
  readonly records: number;
}
