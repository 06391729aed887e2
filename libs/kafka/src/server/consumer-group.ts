import { type Kafka } from 'kafkajs';
import { type Cluster, loadFromKafkajs, loggerOf } from '../client/kafkajs-internals';

/** What is used of the ConsumerGroup of kafkajs: join, sync, heartbeat, commit, leave. Its fetching is not used. */
export interface ConsumerGroup {
  memberId: string | null;
  coordinator: unknown;
  joinAndSync(): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
  leave(): Promise<void>;
  assigned(): readonly { topic: string; partitions: readonly number[] }[];
  commitOffsets(offsets: {
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata?: string }[];
    }[];
  }): Promise<void>;
}

export interface ConsumerGroupOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

export function createConsumerGroup(kafka: Kafka, cluster: Cluster, options: ConsumerGroupOptions): ConsumerGroup {
  const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = options;
  const Group = loadFromKafkajs('kafkajs/src/consumer/consumerGroup.js') as new (options: object) => ConsumerGroup;
  const { roundRobin } = loadFromKafkajs('kafkajs/src/consumer/assigners/index.js') as {
    roundRobin: (options: object) => object;
  };
  const logger = loggerOf(kafka);
  return new Group({
    logger,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    cluster,
    groupId,
    topics,
    topicConfigurations: Object.fromEntries(topics.map((topic) => [topic, { fromBeginning: true }])),
    instrumentationEmitter: { emit: () => undefined },
    assigners: [roundRobin({ groupId, logger, cluster })],
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    autoCommit: false,
    isolationLevel: 1,
    rackId: '',
  });
}
