import { type Family, stateTopic, validatedTopic } from '@orderstream/contracts';
import { fetchEnds, type KafkaRecord, PositionLostError, readPartition } from '@orderstream/kafka';
import { identityOfRecord, PartitionState, type StateLimits, StateUnreadableError } from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

/**
 * Builds a partition's state from what is committed: the state partition from its beginning, and the memory of event
 * ids from the tail of the validated partition.
 *
 * Failure semantics: reads only. To be called after the partition's producer is open: it is the only writer of both
 * partitions, so that after the fencing nothing is undecided below their ends, and what is read is what the committed
 * position belongs to.
 *
 * @throws StateUnreadableError when a record that counts is damaged or of an unknown version
 * @throws ReadTimeoutError when the broker does not answer
 */
export async function restoreState(
  kafka: Kafka,
  family: Family,
  partition: number,
  limits: StateLimits,
): Promise<RestoredState> {
  const state = new PartitionState(limits);
  let records = 0;
  await readPartition(
    kafka,
    { topic: stateTopic(family), partition, from: 'beginning', until: 'end', isolation: 'committed' },
    (batch) => {
      records += batch.records.length;
      for (const record of batch.records) {
        // A record without a key cannot be in a compacted topic.
        if (record.key === null) throw new StateUnreadableError('(no key)', `offset ${String(record.offset)}`);
        state.restoreRecord(record.key.toString(), record.value === null ? null : record.value.toString());
      }
    },
  );
  records += await restoreEvents(kafka, family, partition, state);
  state.finishRestore();
  return { state, records };
}

export interface RestoredState {
  readonly state: PartitionState;
  /** Read to build it. */
  readonly records: number;
}

async function restoreEvents(kafka: Kafka, family: Family, partition: number, state: PartitionState): Promise<number> {
  const topic = validatedTopic(family);
  const ends = await fetchEnds(kafka, topic);
  const end = ends[partition] ?? 0;
  // Every transaction leaves a marker: twice the offsets hold the wanted records even if each was committed alone.
  const from = Math.max(0, end - 2 * state.limits.events.maxEntries);
  const horizonMs = state.lastAppendMs - state.limits.events.windowMs;
  let isFirst = true;
  let records = 0;
  const take = (record: KafkaRecord): void => {
    if (isFirst && from > 0 && record.timestamp >= horizonMs) state.eventsKnownSince(record.timestamp);
    isFirst = false;
    const identity = identityOfRecord(record.headers);
    if (identity !== undefined && record.timestamp >= horizonMs) state.restoreEvent(identity, record.timestamp);
  };
  const read = (start: number | 'beginning'): Promise<unknown> =>
    readPartition(kafka, { topic, partition, from: start, until: end, isolation: 'committed' }, (batch) => {
      records += batch.records.length;
      for (const record of batch.records) take(record);
    });
  try {
    await read(from === 0 ? 'beginning' : from);
  } catch (error) {
    // Retention has taken what lies there: the log's beginning is later.
    if (!(error instanceof PositionLostError) || from === 0) throw error;
    await read('beginning');
  }
  return records;
}
