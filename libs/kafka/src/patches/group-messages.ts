import { replaceModule } from './kafkajs-modules';

interface Grouping<M> {
  readonly topic: string;
  readonly partitionMetadata: readonly unknown[];
  readonly messages: readonly M[];
  readonly partitioner: (args: { topic: string; partitionMetadata: readonly unknown[]; message: M }) => number;
}

type GroupMessagesPerPartition = <M>(grouping: Grouping<M>) => Record<number, M[]>;

/** Groups the messages of a send by partition, in one pass. The original copies a list for each message, O(n²). */
const groupMessagesPerPartition: GroupMessagesPerPartition = ({ topic, partitionMetadata, messages, partitioner }) => {
  const groups: Record<number, (typeof messages)[number][]> = {};
  if (partitionMetadata.length === 0) return groups;
  for (const message of messages) {
    (groups[partitioner({ topic, partitionMetadata, message })] ??= []).push(message);
  }
  return groups;
};

replaceModule<GroupMessagesPerPartition>(
  'kafkajs/src/producer/groupMessagesPerPartition.js',
  () => groupMessagesPerPartition,
);
