import { type Admin } from 'kafkajs';
import { retried } from './offsets';

/**
 * The consumer groups that read a topic now: they have committed an offset of it, and have a member. A group that an
 * older request does not describe (of the protocol of KIP-848) counts if it has committed one.
 *
 * Asks every group of the cluster for its offsets. Needs the right to describe them: a group that the broker does not list
 * is not found.
 */
export function fetchReadingGroups(admin: Admin, topic: string): Promise<string[]> {
  return retried(async () => {
    const { groups } = await admin.listGroups();
    const ids = groups.filter(({ protocolType }) => protocolType === 'consumer').map(({ groupId }) => groupId);
    if (ids.length === 0) return [];
    const described = await admin.describeGroups(ids);
    const reading: string[] = [];
    for (const { groupId, state } of described.groups) {
      if (state === 'Empty') continue;
      const offsets = await admin.fetchOffsets({ groupId, topics: [topic] });
      const hasOffset = offsets.some(({ partitions }) => partitions.some(({ offset }) => Number(offset) >= 0));
      if (hasOffset) reading.push(groupId);
    }
    return reading;
  });
}
