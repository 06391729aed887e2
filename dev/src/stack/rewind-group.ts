import { waitUntil } from '@orderstream/deadlines';
import { type Kafka } from 'kafkajs';

/** A static member stays in its group until its session ends, also when its process has stopped. */
const EMPTY_GROUP_DEADLINE_MS = 60_000;

/**
 * Sets committed offsets of a consumer group whose processes are stopped, so that it reads the records from there on
 * again.
 *
 * @param offsets by partition; a partition without one keeps its committed offset
 * @throws DeadlineError when the group still has members after 60 s; the reason of the signal
 */
export async function rewindGroup(
  kafka: Kafka,
  { groupId, topic, offsets }: { groupId: string; topic: string; offsets: ReadonlyMap<number, number> },
  signal?: AbortSignal,
): Promise<void> {
  const admin = kafka.admin();
  await admin.connect();
  try {
    await waitUntil(
      async () => {
        const { groups } = await admin.describeGroups([groupId]);
        return groups.every(({ members }) => members.length === 0);
      },
      { what: `the group ${groupId} to be empty`, deadlineMs: EMPTY_GROUP_DEADLINE_MS, signal },
    );
    const partitions = Array.from(offsets, ([partition, offset]) => ({ partition, offset: String(offset) }));
    await admin.setOffsets({ groupId, topic, partitions });
  } finally {
    await admin.disconnect();
  }
}
