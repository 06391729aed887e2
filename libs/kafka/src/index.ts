export type * from './record';
export { type HeaderField, headerFields, headersOf, type RecordHeaders, selectHeaders } from './headers';
export { byTopicPartition, partitionName, type TopicPartition } from './topic-partition';
export * from './outcome';
export * from './errors';
export { type KafkaConnection, type KafkaLogger } from './client/kafka-settings';
export { encodeRecordBatch } from './codec/record-batch-encoder';
export { connectAdmin, kafkaDependency } from './client/connect-admin';
export { createKafka } from './client/create-kafka';
export { partitionFor } from '@orderstream/contracts';
export {
  type Compression,
  type ProducedRange,
  RecordProducer,
  type RecordProducerOptions,
} from './produce/record-producer';
export { isStorable } from './produce/record-size';
export { ensureTopics } from './topics/topics';
export { fetchRetentions } from './topics/retention';
export { fetchTopicLimits, type TopicLimits } from './topics/topic-limits';
export { checkTimestampTypes } from './topics/timestamp-type';
export { type CommittedOffset } from './transactions/committed-offset';
export {
  PartitionTransactions,
  type PartitionTransactionsOptions,
  type TransactionWrites,
} from './transactions/partition-transactions';
export { readPartition, type ReadPartitionOptions } from './read/read-partition';
export { RecordLookup } from './read/record-lookup';
export { TopicFollower, type TopicFollowerOptions } from './read/topic-follower';
export { fetchRawBatch, type RawBatch } from './read/raw-batch';
export { fetchUnreadableBatch, type UnreadableBatch } from './read/unreadable-batch';
export { HighWatermarks } from './read/high-watermarks';
export { fetchReadingGroups } from './read/reading-groups';
export {
  fetchCommittedOffsets,
  fetchEndOffsets,
  fetchLogBounds,
  fetchOffsetsSince,
  type LogBounds,
} from './read/offsets';
export { observeClients } from './metrics/observe-clients';
export { observeServers } from './metrics/observe-servers';
export { observeTransactions } from './metrics/observe-transactions';
export { OffsetTracker } from './server/offset-tracker';
export { type PartitionHooks } from './server/partition-hooks';
export { BatchHandler } from './server/batch-handler';
export { BatchContext } from './server/batch-context';
export {
  type KafkaBatchServerOptions,
  type PartitionTaskState,
  type PartitionStatus,
  type ServerCheck,
  type ServerHealth,
  type ServerStatus,
} from './server/server-options';
export { KafkaBatchServer, type OffsetToCommit } from './server/kafka-batch-server';
