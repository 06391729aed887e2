import { type Admin, type Kafka } from 'kafkajs';

/** Last stable offsets by partition. */
export function fetchEnds(client: Kafka | Admin, topic: string): Promise<number[]> {
  throw new Error(`not built yet: ${String(client)} ${topic}`);
}

/** The group's committed offsets by partition; undefined where it has none. */
export function fetchCommitted(client: Kafka | Admin, groupId: string, topic: string): Promise<(number | undefined)[]> {
  throw new Error(`not built yet: ${String(client)} ${groupId} ${topic}`);
}
