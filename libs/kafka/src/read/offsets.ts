import { type Admin, type Kafka } from 'kafkajs';

/** Last stable offsets by partition. */
export function fetchEnds(client: Kafka | Admin, topic: string): Promise<number[]> {
  return withAdmin(client, async (admin) => {
    const ends: number[] = [];
    for (const { partition, offset } of await admin.fetchTopicOffsets(topic)) ends[partition] = Number(offset);
    return ends;
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
  if ('fetchOffsets' in client) return use(client);
  const admin = client.admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}
