import { createRequire } from 'node:module';
import { type Kafka } from 'kafkajs';

/**
 * Loads modules behind the public API of kafkajs 2.2.4 (pinned exactly). The reader without a group, the transactions
 * and the group membership are built on them; the interfaces below describe what is used.
 */
export const loadFromKafkajs = createRequire(__filename);

export interface Broker {
  /** What the broker supports, by API key. */
  readonly versions: Readonly<Partial<Record<number, { readonly maxVersion: number }>>> | null;
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    send(request: ProtocolRequest): Promise<unknown>;
  };
  isConnected(): boolean;
  connect(): Promise<void>;
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
  listOffsets(request: {
    isolationLevel: number;
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; timestamp: string }[];
    }[];
  }): Promise<{
    responses: readonly { topic: string; partitions: readonly { partition: number; offset: string }[] }[];
  }>;
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

export interface BrokerPool {
  createBroker: (options: object) => Broker;
  findConnectedBroker(): Promise<Broker>;
  refreshMetadata: (topics: readonly string[]) => Promise<void>;
}

export interface PartitionMetadata {
  readonly partitionId: number;
  readonly leader: number;
}

export interface Cluster {
  readonly brokerPool: BrokerPool;
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  isConnected(): boolean;
  refreshMetadata(): Promise<void>;
  refreshMetadataIfNecessary(): Promise<void>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): readonly PartitionMetadata[];
  findBroker(node: { nodeId: number }): Promise<Broker>;
  findGroupCoordinator(request: { groupId: string; coordinatorType?: number }): Promise<Broker>;
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

const CREATE_CLUSTER = 'private:Kafka:createCluster';

/** A separate connection pool with the settings of `kafka`. The caller connects and disconnects it. */
export function createCluster(kafka: Kafka, isolation: Isolation): Cluster {
  const create = privateOf(kafka, CREATE_CLUSTER) as CreateCluster;
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

/** Replaces how the client creates connections: for its producers, consumers and admin clients, and for `createCluster`. */
export function replaceCreateCluster(kafka: Kafka, replace: (original: CreateCluster) => CreateCluster): void {
  const symbol = symbolOf(kafka, CREATE_CLUSTER);
  const fields = kafka as unknown as Record<symbol, CreateCluster>;
  fields[symbol] = replace(fields[symbol] as CreateCluster);
}

function privateOf(kafka: Kafka, description: string): unknown {
  return (kafka as unknown as Record<symbol, unknown>)[symbolOf(kafka, description)];
}

function symbolOf(kafka: Kafka, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(kafka).find((candidate) => candidate.description === description);
  if (symbol === undefined) throw new Error(`kafkajs has no ${description}: its version must be 2.2.4`);
  return symbol;
}

/** The Kafka error code of a kafkajs error, or of an error that it wraps. Undefined when the broker did not answer. */
export function protocolCodeOf(error: unknown): number | undefined {
  for (let e = error, depth = 0; typeof e === 'object' && e !== null && depth < 8; depth++) {
    if ('code' in e && typeof e.code === 'number') return e.code;
    e = 'cause' in e ? e.cause : 'originalError' in e ? e.originalError : undefined;
  }
  return undefined;
}
