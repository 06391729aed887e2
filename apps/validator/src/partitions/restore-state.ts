import { CATALOG_VERSIONS_TOPIC, type Family, stateTopic } from '@orderstream/contracts';
import { readPartition } from '@orderstream/kafka';
import {
  type CatalogLimits,
  CatalogVersions,
  PartitionState,
  type StateLimits,
  StateUnreadableError,
} from '@orderstream/quality';
import type { Kafka } from 'kafkajs';

/** A partition of the state topic or of the versions topic. */
interface MemoryPartition {
  readonly topic: string;
  readonly partition: number;
}

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
  const records = await readMemory(kafka, { topic: stateTopic(family), partition }, signal, (key, value) => {
    state.restoreRecord(key, value);
  });
  state.finishRestore();
  return { state, records };
}

/** As `restoreState`, for the versions of the catalog: builds them from their partition. Does not end the restore. */
export async function readVersions(
  kafka: Kafka,
  partition: number,
  limits: CatalogLimits,
  signal?: AbortSignal,
): Promise<{ readonly versions: CatalogVersions; readonly records: number }> {
  const versions = new CatalogVersions(limits);
  const records = await readMemory(kafka, { topic: CATALOG_VERSIONS_TOPIC, partition }, signal, (key, value) => {
    versions.restoreRecord(key, value);
  });
  return { versions, records };
}

/** Returns the number of records read. */
async function readMemory(
  kafka: Kafka,
  place: MemoryPartition,
  signal: AbortSignal | undefined,
  take: (key: Buffer, value: Buffer | null) => void,
): Promise<number> {
  let count = 0;
  await readPartition(
    kafka,
    { ...place, from: 'beginning', until: 'end', isolation: 'committed', ...(signal && { signal }) },
    ({ records }) => {
      count += records.length;
      for (const { key, value, offset } of records) {
        // A compacted topic takes no record without a key.
        if (key === null) throw new StateUnreadableError('(no key)', `offset ${String(offset)}`);
        take(key, value);
      }
    },
  );
  return count;
}
