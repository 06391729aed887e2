import { type Cluster } from '../client/kafkajs-internals';
import { createErrorOf } from '../read/protocol-errors';
import { METADATA_API_KEY, METADATA_VERSION, metadataV10, type MetadataResponse } from './metadata-v10';

export interface TopicDescription {
  /** Differs between a topic and one of the same name that was created after it was deleted. Brokers have it since 2.8. */
  readonly id: string | undefined;
  readonly partitions: number;
}

const UNKNOWN_TOPIC_OR_PARTITION = 3;
const LEADER_NOT_AVAILABLE = 5;

/**
 * Asks a broker for topics. One that does not exist has no entry.
 *
 * @throws the broker's error
 */
export async function describeTopics(
  cluster: Cluster,
  topics: readonly string[],
): Promise<ReadonlyMap<string, TopicDescription>> {
  const broker = await cluster.brokerPool.findConnectedBroker();
  const { maxVersion } = broker.versions?.[METADATA_API_KEY] ?? { maxVersion: 0 };
  if (maxVersion < METADATA_VERSION) return withoutIds(cluster, topics);
  const response = (await broker.connectionPool.send(metadataV10(topics))) as MetadataResponse;
  const found = new Map<string, TopicDescription>();
  for (const { name, errorCode, id, partitions } of response.topics) {
    if (errorCode === UNKNOWN_TOPIC_OR_PARTITION) continue;
    if (errorCode !== 0 && errorCode !== LEADER_NOT_AVAILABLE) throw createErrorOf(errorCode);
    found.set(name, { id, partitions });
  }
  return found;
}

/** From a broker older than 2.8, by the metadata of kafkajs. */
async function withoutIds(cluster: Cluster, topics: readonly string[]): Promise<Map<string, TopicDescription>> {
  await cluster.addMultipleTargetTopics(topics);
  await cluster.refreshMetadata();
  const found = new Map<string, TopicDescription>();
  for (const topic of topics) {
    const { length: partitions } = cluster.findTopicPartitionMetadata(topic);
    if (partitions > 0) found.set(topic, { id: undefined, partitions });
  }
  return found;
}
