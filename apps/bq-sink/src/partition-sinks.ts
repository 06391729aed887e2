import type { PartitionHooks, PartitionRef, RecordBatch } from '@orderstream/kafka';
import { type BatchOutcome, type FailureOutcome, retry } from '@orderstream/kafka';

import type { PartitionSink } from './streams/partition-sink';

const keyOf = ({ topic, partition }: PartitionRef): string => `${topic}/${String(partition)}`;

/** The sinks of the partitions that this instance owns. */
export class PartitionSinks implements PartitionHooks {
  private readonly sinks = new Map<string, readonly [PartitionRef, PartitionSink]>();

  constructor(
    private readonly create: (partition: PartitionRef) => PartitionSink,
    /** What becomes of a partition that failed; told once of each failure. */
    private readonly outcomeOf: (partition: PartitionRef, cause: unknown) => FailureOutcome,
  ) {}

  all(): IterableIterator<readonly [PartitionRef, PartitionSink]> {
    return this.sinks.values();
  }

  find(partition: PartitionRef): PartitionSink | undefined {
    return this.sinks.get(keyOf(partition))?.[1];
  }

  /** Recovery may wait for a minute; a partition that is revoked meanwhile is let go at once. */
  async open(partition: PartitionRef, signal: AbortSignal): Promise<number> {
    await this.close(partition);
    const sink = this.create(partition);
    this.sinks.set(keyOf(partition), [partition, sink]);
    const close = (): void => {
      // The task closes it too, and is told what fails there.
      void sink.close().catch(() => undefined);
    };
    signal.addEventListener('abort', close, { once: true });
    try {
      return await sink.open();
    } finally {
      signal.removeEventListener('abort', close);
    }
  }

  failed(partition: PartitionRef, cause: unknown): FailureOutcome {
    return this.outcomeOf(partition, cause);
  }

  durablePosition(partition: PartitionRef): number | undefined {
    return this.find(partition)?.position;
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
