import { isRetriable } from '@orderstream/errors';
import { type Admin, type Kafka } from 'kafkajs';
import { Backoff } from './backoff';

const RETRY_FOR_MS = 10_000;

/** Where each partition's log begins and ends, by partition. */
export interface LogBounds {
  /** Retention has taken what lay before. */
  readonly beginnings: readonly number[];
  /** Last stable offsets. */
  readonly ends: readonly number[];
}

/** Last stable offsets by partition. */
export function fetchEnds(client: Kafka | Admin, topic: string): Promise<number[]> {
  return withAdmin(client, async (admin) => {
    const ends: number[] = [];
    for (const { partition, offset } of await admin.fetchTopicOffsets(topic)) ends[partition] = Number(offset);
    return ends;
  });
}

export function fetchBounds(client: Kafka | Admin, topic: string): Promise<LogBounds> {
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

/** The group's committed offsets by partition; undefined where it has none. */
export function fetchCommitted(client: Kafka | Admin, groupId: string, topic: string): Promise<(number | undefined)[]> {
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

/** The leader of a partition that was just made, or moves, says for a moment that it is not; kafkajs does not ask again. */
export async function retried<T>(ask: () => Promise<T>): Promise<T> {
  const deadline = performance.now() + RETRY_FOR_MS;
  const backoff = new Backoff();
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!isRetriable(error) || performance.now() >= deadline) throw error;
    }
    await backoff.wait();
  }
}
