import {
  ack,
  type BatchOutcome,
  type KafkaBatchServer,
  type PartitionHooks,
  type PartitionRef,
  type RecordBatch,
  retry,
} from '@orderstream/kafka';
import type { Logger } from '@orderstream/observability';

import { PartitionBridge, type PartitionBridgeDependencies } from './partition-bridge';

/** How long a partition waits after its partitionBridge failed, in milliseconds; the server adds jitter and backs off. */
const RETRY_AFTER_MS = 1_000;

/**
 * The partitionBridges of the assigned partitions, and the commits of their positions.
 *
 * Failure semantics: positions are committed on a cadence and after a drain, with the member's generation. A commit
 * that fails is tried again with the next one: it only costs records published twice after a kill.
 */
export class PartitionBridges implements PartitionHooks {
  private readonly partitionBridges = new Map<string, PartitionBridge>();
  private readonly committed = new Map<string, number>();
  /** PartitionBridges in whose `take` or `drain` somebody waits, and so learns of a failure. */
  private readonly awaited = new Set<PartitionBridge>();
  private server: KafkaBatchServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private committing: Promise<void> | undefined;

  constructor(
    private readonly parts: () => PartitionBridgeDependencies,
    private readonly commitIntervalMs: number,
    private readonly logger: Logger,
  ) {}

  /** The server whose partitions these are; commits go through it. */
  attach(server: KafkaBatchServer): void {
    this.server = server;
    this.timer = setInterval(() => {
      this.committing ??= this.commit([...this.partitionBridges.values()]).finally(() => {
        this.committing = undefined;
      });
    }, this.commitIntervalMs);
    this.timer.unref();
  }

  detach(): void {
    clearInterval(this.timer);
  }

  open(partition: PartitionRef): Promise<undefined> {
    const partitionBridge: PartitionBridge = new PartitionBridge(partition, this.parts(), (error) => {
      if (this.awaited.has(partitionBridge)) return;
      this.server?.interrupt(partition, retry(RETRY_AFTER_MS, error));
    });
    this.partitionBridges.set(nameOf(partition), partitionBridge);
    return Promise.resolve(undefined);
  }

  /** The handler of a batch. `ack` says that the next one may come: what is settled is known to the partitionBridge. */
  async take(batch: RecordBatch, partition: PartitionRef): Promise<BatchOutcome> {
    const partitionBridge = this.partitionBridges.get(nameOf(partition));
    if (partitionBridge === undefined)
      return retry(RETRY_AFTER_MS, new Error(`no partitionBridge is open for ${nameOf(partition)}`));
    this.awaited.add(partitionBridge);
    try {
      await partitionBridge.take(batch);
      return ack();
    } catch (error) {
      return retry(RETRY_AFTER_MS, error);
    } finally {
      this.awaited.delete(partitionBridge);
    }
  }

  async drain(partition: PartitionRef, signal: AbortSignal): Promise<void> {
    const partitionBridge = this.partitionBridges.get(nameOf(partition));
    if (partitionBridge === undefined) return;
    this.awaited.add(partitionBridge);
    try {
      await partitionBridge.drain(signal);
    } catch (error) {
      this.logger.warn({ ...partition, unacknowledged: partitionBridge.unacknowledged, err: error }, 'could not drain');
    } finally {
      this.awaited.delete(partitionBridge);
    }
    await this.commit([partitionBridge]);
  }

  close(partition: PartitionRef): Promise<void> {
    this.partitionBridges.get(nameOf(partition))?.close();
    this.partitionBridges.delete(nameOf(partition));
    this.committed.delete(nameOf(partition));
    return Promise.resolve();
  }

  durablePosition(partition: PartitionRef): number | undefined {
    return this.partitionBridges.get(nameOf(partition))?.committable();
  }

  all(): readonly PartitionBridge[] {
    return [...this.partitionBridges.values()];
  }

  private async commit(partitionBridges: readonly PartitionBridge[]): Promise<void> {
    const offsets = partitionBridges.flatMap((partitionBridge) => {
      const offset = partitionBridge.committable();
      const { topic, partition } = partitionBridge.partition;
      return offset === undefined || offset === this.committed.get(nameOf(partitionBridge.partition))
        ? []
        : [{ topic, partition, offset }];
    });
    if (offsets.length === 0) return;
    try {
      await this.server?.commitOffsets(offsets);
      for (const { offset, ...partition } of offsets) {
        if (this.partitionBridges.has(nameOf(partition))) this.committed.set(nameOf(partition), offset);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not commit offsets; the next commit covers them');
    }
  }
}

const nameOf = ({ topic, partition }: PartitionRef): string => `${topic}/${String(partition)}`;
