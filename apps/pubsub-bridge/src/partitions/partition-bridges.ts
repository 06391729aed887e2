import {
  ack,
  type BatchOutcome,
  type KafkaBatchServer,
  type PartitionHooks,
  type TopicPartition,
  type RecordBatch,
  retry,
  stop,
} from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';

import { PartitionBridge, type PartitionBridgeDependencies } from './partition-bridge';
import { TopicRejectsAllError } from './rejection-policy';

/** How long a partition waits after a failure, in milliseconds; the server adds jitter and backs off. */
const RETRY_AFTER_MS = 1_000;

/**
 * The bridges of the assigned partitions, and the commits of their offsets.
 *
 * Failure semantics: offsets are committed at an interval and after a drain, with the member's generation id. The next
 * commit covers one that failed; if the process is killed before it, more records are published twice.
 */
export class PartitionBridges implements PartitionHooks {
  private readonly bridges = new Map<string, PartitionBridge>();
  private readonly committed = new Map<string, number>();
  /** Bridges with a pending `take` or `drain`, which reports their failure. */
  private readonly awaited = new Set<PartitionBridge>();
  /** The rewinds that are not committed yet, by partition. */
  private readonly rewinding = new Map<string, Promise<void>>();
  private server: Pick<KafkaBatchServer, 'interrupt' | 'commitOffsets'> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private committing: Promise<void> | undefined;

  constructor(
    private readonly dependencies: () => PartitionBridgeDependencies,
    private readonly commitIntervalMs: number,
    private readonly logger: Logger,
  ) {}

  /** Commits go through this server from now on. */
  attach(server: Pick<KafkaBatchServer, 'interrupt' | 'commitOffsets'>): void {
    this.server = server;
    this.timer = setInterval(() => {
      this.committing ??= this.commit(this.all()).finally(() => {
        this.committing = undefined;
      });
    }, this.commitIntervalMs);
    this.timer.unref();
  }

  detach(): void {
    clearInterval(this.timer);
  }

  async open(partition: TopicPartition): Promise<undefined> {
    // The offset to begin at is read after this.
    await this.rewinding.get(partitionName(partition));
    const bridge: PartitionBridge = new PartitionBridge(partition, this.dependencies(), (error) => {
      if (this.awaited.has(bridge)) return;
      this.server?.interrupt(partition, outcomeOf(error));
    });
    this.bridges.set(partitionName(partition), bridge);
    return undefined;
  }

  /** Handles a batch. `ack` asks for the next one; the bridge tracks which records are settled. */
  async take(batch: RecordBatch, partition: TopicPartition): Promise<BatchOutcome> {
    const bridge = this.bridges.get(partitionName(partition));
    if (bridge === undefined) {
      return retry(RETRY_AFTER_MS, new Error(`partition ${partitionName(partition)} is not open`));
    }
    this.awaited.add(bridge);
    try {
      await bridge.take(batch);
      return ack();
    } catch (error) {
      return outcomeOf(error);
    } finally {
      this.awaited.delete(bridge);
    }
  }

  async drain(partition: TopicPartition, signal: AbortSignal): Promise<void> {
    const bridge = this.bridges.get(partitionName(partition));
    if (bridge === undefined) return;
    this.awaited.add(bridge);
    try {
      await bridge.drain(signal);
    } catch (error) {
      const { unacknowledged } = bridge;
      this.logger.warn({ ...partition, unacknowledged, err: error }, 'partition not drained; it is read again');
    } finally {
      this.awaited.delete(bridge);
    }
    await this.commit([bridge]);
  }

  close(partition: TopicPartition): Promise<void> {
    const name = partitionName(partition);
    this.bridges.get(name)?.close();
    this.bridges.delete(name);
    this.committed.delete(name);
    return Promise.resolve();
  }

  /**
   * Commits an earlier offset and opens the partition again. A stopped partition stays stopped.
   *
   * The bridge is closed first, and the partition does not open before the commit is answered, so that no commit of a
   * later offset can follow it.
   */
  async rewind(partition: TopicPartition, offset: number): Promise<void> {
    const name = partitionName(partition);
    const committed = this.commitRewind(name, { ...partition, offset });
    // `open` only waits for it.
    this.rewinding.set(
      name,
      committed.catch(() => undefined),
    );
    try {
      await committed;
    } finally {
      this.rewinding.delete(name);
      const cause = new Error(`an operator asked to publish ${name} again from offset ${String(offset)}`);
      this.server?.interrupt(partition, retry(0, cause));
    }
  }

  private async commitRewind(name: string, offset: TopicPartition & { readonly offset: number }): Promise<void> {
    this.bridges.get(name)?.close();
    this.bridges.delete(name);
    await this.committing;
    await this.server?.commitOffsets([offset]);
    this.committed.delete(name);
  }

  firstUnsettledOffset(partition: TopicPartition): number | undefined {
    return this.bridges.get(partitionName(partition))?.committable();
  }

  all(): readonly PartitionBridge[] {
    return [...this.bridges.values()];
  }

  private async commit(bridges: readonly PartitionBridge[]): Promise<void> {
    const offsets = bridges.flatMap((bridge) => {
      const { topic, partition } = bridge.partition;
      const offset = bridge.committable();
      const unchanged = offset === this.committed.get(partitionName(bridge.partition));
      return offset === undefined || unchanged ? [] : [{ topic, partition, offset }];
    });
    if (offsets.length === 0) return;
    try {
      await this.server?.commitOffsets(offsets);
      for (const { offset, ...partition } of offsets) {
        if (this.bridges.has(partitionName(partition))) this.committed.set(partitionName(partition), offset);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not commit offsets; the next commit covers them');
    }
  }
}

/** The topic is at fault: an operator corrects it. Any other failure may pass. */
const outcomeOf = (error: unknown): BatchOutcome =>
  error instanceof TopicRejectsAllError ? stop(error) : retry(RETRY_AFTER_MS, error);

export const partitionName = ({ topic, partition }: TopicPartition): string => `${topic}/${String(partition)}`;
