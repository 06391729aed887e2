import type { PartitionHooks, PartitionRef, RecordBatch } from '@orderstream/kafka';
import { type BatchOutcome, retry } from '@orderstream/kafka';

import type { PartitionSink } from './streams/partition-sink';

const keyOf = ({ topic, partition }: PartitionRef): string => `${topic}/${String(partition)}`;

/** The sinks of the partitions that this instance owns. */
export class PartitionSinks implements PartitionHooks {
  private readonly sinks = new Map<string, readonly [PartitionRef, PartitionSink]>();

  constructor(private readonly create: (partition: PartitionRef) => PartitionSink) {}

  all(): IterableIterator<readonly [PartitionRef, PartitionSink]> {
    return this.sinks.values();
  }

  find(partition: PartitionRef): PartitionSink | undefined {
    return this.sinks.get(keyOf(partition))?.[1];
  }

  async open(partition: PartitionRef): Promise<number> {
    await this.close(partition);
    const sink = this.create(partition);
    this.sinks.set(keyOf(partition), [partition, sink]);
    return sink.open();
  }

  async drain(partition: PartitionRef, signal: AbortSignal): Promise<void> {
    await this.find(partition)?.drain(signal);
  }

  async close(partition: PartitionRef): Promise<void> {
    const sink = this.find(partition);
    this.sinks.delete(keyOf(partition));
    await sink?.close();
  }

  async take(partition: PartitionRef, batch: RecordBatch): Promise<BatchOutcome> {
    const sink = this.find(partition);
    if (sink === undefined) return retry(0, new Error(`${keyOf(partition)} is not open`));
    return sink.take(batch);
  }
}
