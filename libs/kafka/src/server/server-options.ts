import { type Kafka } from 'kafkajs';
import { type KafkaLogger } from '../client/kafka-settings';
import { type TopicPartition } from '../topic-partition';
import { type PartitionHooks } from './partition-hooks';

export interface KafkaBatchServerOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  /** Without hooks a partition starts at the group's committed offset. */
  readonly hooks?: PartitionHooks;
  /** The symbol given to `@BatchHandler(topic, transportId)`. */
  readonly transportId?: symbol;
  readonly logger?: KafkaLogger;
  /** The topics that must have a handler, and no others. Default: the topics that have one. */
  readonly topics?: readonly string[];
  /** The partition count that a topic must have; undefined for any. Default: that of its contract. */
  readonly partitions?: (topic: string) => number | undefined;
  /**
   * Called when a consumed topic is found to be another one than it was (TopicChangedError), or to have a wrong partition
   * count (TopicMismatchError), before its partitions stop. Topics are compared at each opening and each minute.
   */
  readonly onTopicChanged?: (topic: string, problem: Error) => void;
  /**
   * What an operator can do about a stopped partition: completes its error in the status and in the log. This library does
   * not know the commands of a service.
   */
  readonly leadsOn?: (partition: TopicPartition, cause: Error) => string | undefined;
  /** How often the topics are compared. Default 60,000. */
  readonly metadataIntervalMs?: number;
  /**
   * How long the broker may wait for `minBytes` before it answers. Default 100 ms for one byte. Less than 1,500 ms, after
   * which a partition without an answer counts as unread.
   */
  readonly fetch?: { readonly maxWaitMs: number; readonly minBytes: number };
  /** Bound of one handler call. Default 2,000. */
  readonly maxBatchRecords?: number;
  /** Bounds of what one partition queues for its handler. Defaults 10,000 and 16 MiB. */
  readonly maxQueuedRecords?: number;
  readonly maxQueuedBytes?: number;
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** How long a rebalance waits for this member, including its drain. Default 30,000. */
  readonly rebalanceTimeoutMs?: number;
  /** A longer handler call fails liveness. Default 120,000. */
  readonly handlerTimeoutMs?: number;
  /** Longest wait before a partition that fails repeatedly opens again. Default 10,000. */
  readonly maxRetryMs?: number;
  /** How long a drain may take at close() and at a revocation. Default 10,000; at most 0.8 of rebalanceTimeoutMs. */
  readonly drainTimeoutMs?: number;
}

export type PartitionTaskState = 'opening' | 'running' | 'paused' | 'retrying' | 'stopped' | 'draining';

export interface PartitionStatus extends TopicPartition {
  readonly state: PartitionTaskState;
  /** Next offset to hand to the handler; undefined until the first opening. */
  readonly nextOffset: number | undefined;
  /** Offsets from the first unsettled one to the high watermark; undefined until the broker returned that one. */
  readonly lag: number | undefined;
  /**
   * Milliseconds since the timestamp of the oldest unsettled record, as far as it is known; 0 without a lag. Undefined
   * until a record was read.
   */
  readonly lagMs: number | undefined;
  /**
   * Milliseconds for which an open transaction has held back the last stable offset at its present value; 0 when it is the
   * high watermark. Records behind it wait.
   */
  readonly openTransactionMs: number | undefined;
  readonly queuedRecords: number;
  readonly queuedBytes: number;
  readonly error?: string;
}

export interface ServerStatus {
  readonly group: string;
  readonly state: 'connecting' | 'joined' | 'rebalancing' | 'closed' | 'failed';
  readonly partitions: readonly PartitionStatus[];
  /** Times that the member joined the group again. */
  readonly rebalances: number;
  /** Programming errors since the start, by topic. */
  readonly programmingErrors: Readonly<Record<string, number>>;
}

export interface ServerCheck {
  readonly ok: boolean;
  readonly detail?: unknown;
}

export interface ServerHealth {
  readonly live: ServerCheck;
  readonly ready: ServerCheck;
}

/** The numbers of the options, with their defaults. */
export function serverLimits(options: KafkaBatchServerOptions) {
  const rebalanceTimeoutMs = options.rebalanceTimeoutMs ?? 30_000;
  return {
    maxBatchRecords: options.maxBatchRecords ?? 2_000,
    maxQueuedRecords: options.maxQueuedRecords ?? 10_000,
    maxQueuedBytes: options.maxQueuedBytes ?? 16 * 1_048_576,
    sessionTimeoutMs: options.sessionTimeoutMs ?? 10_000,
    rebalanceTimeoutMs,
    handlerTimeoutMs: options.handlerTimeoutMs ?? 120_000,
    maxRetryMs: options.maxRetryMs ?? 10_000,
    drainTimeoutMs: Math.min(options.drainTimeoutMs ?? 10_000, rebalanceTimeoutMs * 0.8),
  };
}
