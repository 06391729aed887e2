import {
  type BatchOutcome,
  byTopicPartition,
  type FailureOutcome,
  type PartitionHooks,
  partitionName,
  type RecordBatch,
  retry,
  type TopicPartition,
} from '@orderstream/kafka';

import type { FlushDto } from './control/flush.dto';
import type { PartitionSink } from './streams/partition-sink';
import type { SinkState } from './streams/sink-lifecycle';

/** A partition without anything to read or to recover. */
interface IdlePartition {
  /** Where the group has committed, and the log ends. */
  readonly end: number;
}

/**
 * The sinks of the partitions that are assigned to this instance.
 *
 * A partition that `endOfRead` finds idle has no sink until its first record: most retry topics and dead-letter topics are
 * empty most of the time, and a start must not fence and query for each of them. Its opening takes place before the first
 * record is taken, and reads the committed position after the fence as any other does.
 */
export class PartitionSinks implements PartitionHooks {
  private readonly sinks = new Map<string, readonly [TopicPartition, PartitionSink]>();
  private readonly idle = new Map<string, IdlePartition>();
  /** Partitions whose sink was opened by a record. */
  private readonly woken = new Set<string>();

  constructor(
    private readonly create: (partition: TopicPartition) => PartitionSink,
    /** Decides whether a partition retries or stops after a failure. Called once for each failure. */
    private readonly outcomeOf: (partition: TopicPartition, cause: unknown) => FailureOutcome,
    /** The end of the partition's log if nothing is left to read and the partition may wait without a sink. */
    private readonly endOfRead: (partition: TopicPartition) => Promise<number | undefined> = () =>
      Promise.resolve(undefined),
  ) {}

  all(): IterableIterator<readonly [TopicPartition, PartitionSink]> {
    return this.sinks.values();
  }

  find(partition: TopicPartition): PartitionSink | undefined {
    return this.sinks.get(partitionName(partition))?.[1];
  }

  isIdle(partition: TopicPartition): boolean {
    return this.idle.has(partitionName(partition));
  }

  /** Partitions whose recovery is not finished, after their assignment. */
  recovering(): readonly (TopicPartition & { readonly state: SinkState })[] {
    return [...this.all()]
      .filter(([partition]) => !this.woken.has(partitionName(partition)))
      .map(([partition, { state }]) => ({ ...partition, state }))
      .filter(({ state }) => state === 'opening' || state === 'counting');
  }

  /** Sends and commits what was taken of each partition. An idle one has nothing to flush. */
  async flush(timeoutMs: number): Promise<FlushDto> {
    const signal = AbortSignal.timeout(timeoutMs);
    const flushed: FlushDto['flushed'][number][] = [];
    const failed: FlushDto['failed'][number][] = [];
    await Promise.all(
      [...this.all()].map(async ([{ topic, partition }, sink]) => {
        const { pendingRecords: records } = sink.describe();
        if (await sink.flush(signal)) {
          const { committed } = sink.describe();
          flushed.push({ topic, partition, records, committed: committed < 0 ? null : committed });
          return;
        }
        const { state, pendingRecords } = sink.describe();
        const detail = signal.aborted
          ? `${pendingRecords} records were not committed within ${timeoutMs / 1_000} s.`
          : `The sink of the partition is ${state}.`;
        failed.push({ topic, partition, detail });
      }),
    );
    return { flushed: flushed.sort(byTopicPartition), failed: failed.sort(byTopicPartition) };
  }

  /** Recovery may wait for a minute. The signal ends it at once when the partition is revoked. */
  async open(partition: TopicPartition, signal: AbortSignal): Promise<number> {
    await this.close(partition);
    const end = await this.endOfRead(partition);
    if (end === undefined) return this.openSink(partition, signal);
    this.idle.set(partitionName(partition), { end });
    return end;
  }

  private async openSink(partition: TopicPartition, signal: AbortSignal): Promise<number> {
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
    const name = partitionName(partition);
    const sink = this.find(partition);
    this.sinks.delete(name);
    this.idle.delete(name);
    this.woken.delete(name);
    await sink?.close();
  }

  /** @param signal aborts when the partition is revoked */
  async take(partition: TopicPartition, batch: RecordBatch, signal: AbortSignal): Promise<BatchOutcome> {
    const idle = this.idle.get(partitionName(partition));
    const failure = idle === undefined ? undefined : await this.wake(partition, idle, signal);
    if (failure !== undefined) return failure;
    const sink = this.find(partition);
    if (sink === undefined) return retry(0, new Error(`${partitionName(partition)} is not open`));
    return sink.take(batch);
  }

  /** Opens the sink of an idle partition. Returns the outcome if that fails. */
  private async wake(
    partition: TopicPartition,
    { end }: IdlePartition,
    signal: AbortSignal,
  ): Promise<BatchOutcome | undefined> {
    const name = partitionName(partition);
    this.idle.delete(name);
    this.woken.add(name);
    try {
      const from = await this.openSink(partition, signal);
      // Records from there on were not handed over. A later position is no matter: the sink ignores what lies before it.
      if (from < end) return retry(0, new Error(`the position of ${name} was moved back to ${String(from)}`));
      return undefined;
    } catch (error) {
      return this.outcomeOf(partition, error);
    }
  }
}
