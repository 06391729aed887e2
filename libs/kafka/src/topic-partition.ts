export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

/** `topic/partition`, for messages and as a map key. */
export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${partition.toString()}`;
