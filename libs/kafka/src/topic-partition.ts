export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic/partition`, for messages and as a map key. */
export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition.toString()}`;

/** Sorts by topic, then by partition. */
export const byTopicPartition = (a: TopicPartition, b: TopicPartition): number =>
  a.topic.localeCompare(b.topic) || a.partition - b.partition;

/** The transactional id of what consumes the partition: it fences its earlier owner by it. */
export const transactionalIdOf = (groupId: string, { topic, partition }: TopicPartition): string =>
  `${groupId}.${topic}.${partition.toString()}`;
