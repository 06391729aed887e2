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

import { Lane, type LaneParts } from './lane';

/** How long a partition waits after its lane failed, in milliseconds; the server adds jitter and backs off. */
const RETRY_AFTER_MS = 1_000;

/**
 * The lanes of the assigned partitions, and the commits of their positions.
 *
 * Failure semantics: positions are committed on a cadence and after a drain, with the member's generation. A commit
 * that fails is tried again with the next one: it only costs records published twice after a kill.
 */
export class Lanes implements PartitionHooks {
  private readonly lanes = new Map<string, Lane>();
  private readonly committed = new Map<string, number>();
  /** Lanes in whose `take` or `drain` somebody waits, and so learns of a failure. */
  private readonly awaited = new Set<Lane>();
  private server: KafkaBatchServer | undefined;
  private timer: NodeJS.Timeout | undefined;
  private committing: Promise<void> | undefined;

  constructor(
    private readonly parts: () => LaneParts,
    private readonly commitIntervalMs: number,
    private readonly logger: Logger,
  ) {}

  /** The server whose partitions these are; commits go through it. */
  attach(server: KafkaBatchServer): void {
    this.server = server;
    this.timer = setInterval(() => {
      this.committing ??= this.commit([...this.lanes.values()]).finally(() => {
        this.committing = undefined;
      });
    }, this.commitIntervalMs);
    this.timer.unref();
  }

  detach(): void {
    clearInterval(this.timer);
  }

  open(partition: PartitionRef): Promise<undefined> {
    const lane: Lane = new Lane(partition, this.parts(), (error) => {
      if (this.awaited.has(lane)) return;
      this.server?.interrupt(partition, retry(RETRY_AFTER_MS, error));
    });
    this.lanes.set(nameOf(partition), lane);
    return Promise.resolve(undefined);
  }

  /** The handler of a batch. `ack` says that the next one may come: what is settled is known to the lane. */
  async take(batch: RecordBatch, partition: PartitionRef): Promise<BatchOutcome> {
    const lane = this.lanes.get(nameOf(partition));
    if (lane === undefined) return retry(RETRY_AFTER_MS, new Error(`no lane is open for ${nameOf(partition)}`));
    this.awaited.add(lane);
    try {
      await lane.take(batch);
      return ack();
    } catch (error) {
      return retry(RETRY_AFTER_MS, error);
    } finally {
      this.awaited.delete(lane);
    }
  }

  async drain(partition: PartitionRef, signal: AbortSignal): Promise<void> {
    const lane = this.lanes.get(nameOf(partition));
    if (lane === undefined) return;
    this.awaited.add(lane);
    try {
      await lane.drain(signal);
    } catch (error) {
      this.logger.warn({ ...partition, unacknowledged: lane.unacknowledged, err: error }, 'could not drain');
    } finally {
      this.awaited.delete(lane);
    }
    await this.commit([lane]);
  }

  close(partition: PartitionRef): Promise<void> {
    this.lanes.get(nameOf(partition))?.close();
    this.lanes.delete(nameOf(partition));
    this.committed.delete(nameOf(partition));
    return Promise.resolve();
  }

  durablePosition(partition: PartitionRef): number | undefined {
    return this.lanes.get(nameOf(partition))?.committable();
  }

  all(): readonly Lane[] {
    return [...this.lanes.values()];
  }

  private async commit(lanes: readonly Lane[]): Promise<void> {
    const offsets = lanes.flatMap((lane) => {
      const offset = lane.committable();
      const { topic, partition } = lane.partition;
      return offset === undefined || offset === this.committed.get(nameOf(lane.partition))
        ? []
        : [{ topic, partition, offset }];
    });
    if (offsets.length === 0) return;
    try {
      await this.server?.commitOffsets(offsets);
      for (const { offset, ...partition } of offsets) {
        if (this.lanes.has(nameOf(partition))) this.committed.set(nameOf(partition), offset);
      }
    } catch (error) {
      this.logger.warn({ err: error }, 'could not commit offsets; the next commit covers them');
    }
  }
}

const nameOf = ({ topic, partition }: PartitionRef): string => `${topic}/${String(partition)}`;
