import { createRequire } from 'node:module';
import { type Kafka } from 'kafkajs';

/**
 * Loads modules behind the public API of kafkajs 2.2.4 (pinned exactly). The reader without a group, the transactions
 * and the group membership are built on them; the interfaces below describe what is used.
 */
export const loadFromKafkajs = createRequire(__filename);

export interface Broker {
  readonly connectionPool: { send(request: ProtocolRequest): Promise<unknown> };
  disconnect(): Promise<void>;
  initProducerId(request: {
    transactionalId: string;
    transactionTimeout: number;
  }): Promise<{ producerId: string; producerEpoch: number }>;
  addPartitionsToTxn(
    request: ProducerIdentity & { topics: readonly { topic: string; partitions: readonly number[] }[] },
  ): Promise<unknown>;
  addOffsetsToTxn(request: ProducerIdentity & { groupId: string }): Promise<unknown>;
  txnOffsetCommit(request: ProducerIdentity & { groupId: string; topics: readonly OffsetsOfTopic[] }): Promise<unknown>;
  endTxn(request: ProducerIdentity & { transactionResult: boolean }): Promise<unknown>;
  produce(
    request: ProducerIdentity & {
      acks: number;
      timeout: number;
      compression: number;
      topicData: readonly ProduceTopic[];
    },
  ): Promise<unknown>;
  offsetFetch(request: {
    groupId: string;
    topics: readonly { topic: string; partitions: readonly { partition: number }[] }[];
  }): Promise<{
    responses: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata: string | null }[];
    }[];
  }>;
}

export interface ProducerIdentity {
  readonly transactionalId: string;
  readonly producerId: string;
  readonly producerEpoch: number;
}

export interface OffsetsOfTopic {
  readonly topic: string;
  readonly partitions: readonly { partition: number; offset: string; metadata: string | null }[];
}

export interface ProduceTopic {
  readonly topic: string;
  readonly partitions: readonly { partition: number; firstSequence: number; messages: readonly unknown[] }[];
}

export interface ProtocolRequest {
  /** `encode` returns an Encoder of kafkajs. */
  readonly request: { readonly apiKey: number; readonly apiVersion: number; encode?(): Promise<unknown> };
  readonly response: {
    decode(payload: Buffer): Promise<{ clientSideThrottleTime: number }>;
    parse(data: unknown): Promise<unknown>;
  };
  readonly requestTimeout?: number;
}

export interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}

export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(node: { nodeId: number }): Promise<Broker>;
  findGroupCoordinator(request: { groupId: string; coordinatorType?: number }): Promise<Broker>;
  fetchTopicsOffset(
    topics: readonly { topic: string; partitions: readonly { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[]>;
}

/** Coordinator type of FindCoordinator for transactional ids. */
export const TRANSACTION_COORDINATOR = 1;

export type Isolation = 'committed' | 'uncommitted';

type CreateCluster = (options: {
  metadataMaxAge: number;
  allowAutoTopicCreation: boolean;
  maxInFlightRequests: number | null;
  isolationLevel: number;
}) => Cluster;

/** A separate connection pool with the settings of `kafka`. The caller connects and disconnects it. */
export function createCluster(kafka: Kafka, isolation: Isolation): Cluster {
  const create = privateOf(kafka, 'private:Kafka:createCluster') as CreateCluster;
  return create({
    metadataMaxAge: 60_000,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
    isolationLevel: isolation === 'committed' ? 1 : 0,
  });
}

export function loggerOf(kafka: Kafka): unknown {
  return privateOf(kafka, 'private:Kafka:logger');
}

function privateOf(kafka: Kafka, description: string): unknown {
  const symbol = Object.getOwnPropertySymbols(kafka).find((candidate) => candidate.description === description);
  if (symbol === undefined) throw new Error(`kafkajs has no ${description}: its version must be 2.2.4`);
  return (kafka as unknown as Record<symbol, unknown>)[symbol];
}

/** The Kafka error code of a kafkajs error, or of an error that it wraps. Undefined when the broker did not answer. */
export function protocolCodeOf(error: unknown): number | undefined {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 8; depth++) {
    if ('code' in e && typeof e.code === 'number') return e.code;
    e = 'cause' in e ? e.cause : 'originalError' in e ? e.originalError : undefined;
  }
  return undefined;
}
