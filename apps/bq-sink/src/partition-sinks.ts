import {
  type BatchOutcome,
  type FailureOutcome,
  type PartitionHooks,
  partitionName,
  type RecordBatch,
  retry,
  type TopicPartition,
} from '@orderstream/kafka';

import type { PartitionSink } from './streams/partition-sink';
import type { SinkState } from './streams/sink-lifecycle';

/** The sinks of the partitions that are assigned to this instance. */
export class PartitionSinks implements PartitionHooks {
  private readonly sinks = new Map<string, readonly [TopicPartition, PartitionSink]>();

  constructor(
    private readonly create: (partition: TopicPartition) => PartitionSink,
    /** Decides whether a partition retries or stops after a failure. Called once for each failure. */
    private readonly outcomeOf: (partition: TopicPartition, cause: unknown) => FailureOutcome,
  ) {}

  all(): IterableIterator<readonly [TopicPartition, PartitionSink]> {
    return this.sinks.values();
  }

  find(partition: TopicPartition): PartitionSink | undefined {
    return this.sinks.get(partitionName(partition))?.[1];
  }

  /** Partitions whose recovery is not finished. */
  recovering(): readonly (TopicPartition & { readonly state: SinkState })[] {
    return [...this.all()]
      .map(([partition, { state }]) => ({ ...partition, state }))
      .filter(({ state }) => state === 'opening' || state === 'counting');
  }

  /** Recovery may wait for a minute. The signal ends it at once when the partition is revoked. */
  async open(partition: TopicPartition, signal: AbortSignal): Promise<number> {
    await this.close(partition);
    const sink = this.create(partition);
    this.sinks.set(partitionName(partition), [partition, sink]);
    const close = (): void => {
      // The partition task closes the sink, too, and reports an error of that call.
      void sink.close().catch(() => undefined);
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      return await sink.open();
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  failed(partition: TopicPartition, cause: unknown): FailureOutcome {
    return this.outcomeOf(partition, cause);
  }

  firstUnsettledOffset(partition: TopicPartition): number | undefined {
    return this.find(partition)?.position;
  }

  async drain(partition: TopicPartition, signal: AbortSignal): Promise<void> {
    await this.find(partition)?.drain(signal);
  }

  async close(partition: TopicPartition): Promise<void> {
    const sink = this.find(partition);
    this.sinks.delete(partitionName(partition));
    await sink?.close();
  }

  async take(partition: TopicPartition, batch: RecordBatch): Promise<BatchOutcome> {
    const sink = this.find(partition);
    if (sink === undefined) return retry(0, new Error(`${partitionName(partition)} is not open`));
    return sink.take(batch);
  }
}
