import { isRetriable } from '@orderstream/errors';
import { type Admin, type Kafka } from 'kafkajs';
import { Backoff } from '../backoff';

const RETRY_FOR_MS = 10_000;

/** Where the log of each partition begins and ends, by partition. */
export interface LogBounds {
  /** First offsets that the log holds. */
  readonly beginnings: readonly number[];
  /** Last stable offsets. */
  readonly ends: readonly number[];
}

/** The last stable offsets of a topic, by partition. */
export function fetchEndOffsets(client: Kafka | Admin, topic: string): Promise<number[]> {
  return withAdmin(client, async (admin) => {
    const ends: number[] = [];
    for (const { partition, offset } of await admin.fetchTopicOffsets(topic)) ends[partition] = Number(offset);
    return ends;
  });
}

export function fetchLogBounds(client: Kafka | Admin, topic: string): Promise<LogBounds> {
  return withAdmin(client, async (admin) => {
    const beginnings: number[] = [];
    const ends: number[] = [];
    for (const { partition, low, offset } of await admin.fetchTopicOffsets(topic)) {
      beginnings[partition] = Number(low);
      ends[partition] = Number(offset);
    }
    return { beginnings, ends };
  });
}

/** The first offset with this timestamp (milliseconds) or a later one, by partition; the end of the log where there is none. */
export function fetchOffsetsSince(client: Kafka | Admin, topic: string, timestampMs: number): Promise<number[]> {
  return withAdmin(client, async (admin) => {
    const offsets: number[] = [];
    for (const { partition, offset } of await admin.fetchTopicOffsetsByTimestamp(topic, timestampMs)) {
      offsets[partition] = Number(offset);
    }
    return offsets;
  });
}

/** The committed offsets of a group, by partition; undefined where the group has none. */
export function fetchCommittedOffsets(
  client: Kafka | Admin,
  groupId: string,
  topic: string,
): Promise<(number | undefined)[]> {
  return withAdmin(client, async (admin) => {
    const committed: (number | undefined)[] = [];
    for (const { partitions } of await admin.fetchOffsets({ groupId, topics: [topic] })) {
      for (const { partition, offset } of partitions)
        committed[partition] = Number(offset) < 0 ? undefined : Number(offset);
    }
    return committed;
  });
}

async function withAdmin<T>(client: Kafka | Admin, use: (admin: Admin) => Promise<T>): Promise<T> {
  if ('fetchOffsets' in client) return retried(() => use(client));
  const admin = client.admin();
  await admin.connect();
  try {
    return await retried(() => use(admin));
  } finally {
    await admin.disconnect();
  }
}

/**
 * Retries for 10 s after errors that say they are retriable. kafkajs does not retry NOT_LEADER here, which the leader of a
 * new or moved partition answers for a moment.
 */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + RETRY_FOR_MS;
  const backoff = new Backoff();
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (!isRetriable(error) || performance.now() >= deadline) throw error;
    }
    await backoff.wait();
  }
}
