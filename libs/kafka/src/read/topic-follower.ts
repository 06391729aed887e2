import { type Kafka } from 'kafkajs';
import { type RecordBatch } from '../record';

export interface TopicFollowerOptions {
  readonly topic: string;
  /** Called one at a time per partition, in order. A throw stops the follower: see `failed`. */
  readonly onBatch: (batch: RecordBatch) => void | Promise<void>;
}

export class TopicFollower {
  constructor(
    private readonly kafka: Kafka,
    private readonly options: TopicFollowerOptions,
  ) {}
  /** The error that stopped it, if one did. */
  get failed(): Error | undefined {
    return undefined;
  }
  start(): Promise<void> {
    throw new Error(`not built yet: ${String(this.kafka)} ${String(this.options)}`);
  }
  /** Resolves when every partition has been read up to the end it had at the call. */
  caughtUp(): Promise<void> {
    throw new Error('not built yet');
  }
  /** Next offset to be read of the partition: everything below was handed over. */
  position(partition: number): number {
    throw new Error(`not built yet: ${String(partition)}`);
  }
  reached(partition: number, offset: number, deadlineMs: number): Promise<void> {
    throw new Error(`not built yet: ${String(partition)} ${String(offset)} ${String(deadlineMs)}`);
  }
  stop(): Promise<void> {
    throw new Error('not built yet');
  }
}
