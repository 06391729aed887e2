import { type Kafka } from 'kafkajs';
import { type KafkaLogger } from '../client/kafka-settings';
import { type PartitionRef } from '../record';
import { type PartitionHooks } from './partition-hooks';

export interface KafkaBatchServerOptions {
  readonly kafka: Kafka;
  readonly groupId: string;
  /** Without hooks: positions are the group's committed offsets. */
  readonly hooks?: PartitionHooks;
  /** The symbol given to @EventPattern(topic, transportId); handlers without one belong to every server. */
  readonly transportId?: symbol;
  readonly logger?: KafkaLogger;
  /** The topics that must have a handler, and no others; without it: those that have one. */
  readonly topics?: readonly string[];
  /** Bound of one handler call. Default 2,000. */
  readonly maxBatchRecords?: number;
  /** Bounds of what one partition may hold ahead of its handler. Defaults 10,000 and 16 MiB. */
  readonly maxQueuedRecords?: number;
  readonly maxQueuedBytes?: number;
  /** Default 10,000. */
  readonly sessionTimeoutMs?: number;
  /** How long a rebalance waits for this member, drain included. Default 30,000. */
  readonly rebalanceTimeoutMs?: number;
  /** A handler call that takes longer turns liveness red. Default 120,000. */
  readonly handlerTimeoutMs?: number;
  /** Longest wait before a partition that failed again and again opens once more. Default 10,000. */
  readonly maxRetryMs?: number;
  /** How long a drain may take at close() or at a revocation. Default 10,000; at most 0.8 of rebalanceTimeoutMs. */
  readonly drainTimeoutMs?: number;
}

export type PartitionTaskState = 'opening' | 'running' | 'paused' | 'retrying' | 'stopped' | 'draining';

export interface PartitionStatus extends PartitionRef {
  readonly state: PartitionTaskState;
  /** Next offset to be handed to the handler; undefined until the first opening. */
  readonly position: number | undefined;
  /** Records (offsets) from the first that is not settled to the last stable offset; undefined until the broker told. */
  readonly lag: number | undefined;
  /**
   * Milliseconds since the timestamp of the oldest record that is not settled, as far as it is known; 0 without a lag.
   * Undefined until a record was seen.
   */
  readonly lagMs: number | undefined;
  readonly queuedRecords: number;
  readonly queuedBytes: number;
  readonly error?: string;
}

export interface ServerStatus {
  readonly group: string;
  readonly state: 'connecting' | 'joined' | 'rebalancing' | 'closed' | 'failed';
  readonly partitions: readonly PartitionStatus[];
}

export interface ServerCheck {
  readonly ok: boolean;
  readonly detail?: unknown;
}

export interface ServerHealth {
  readonly live: ServerCheck;
  readonly ready: ServerCheck;
}
