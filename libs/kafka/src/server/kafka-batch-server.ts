import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { type BatchOutcome } from '../outcome';
import { settledWithin } from '../delay';
import { FetchLoop, type FetchSource } from '../read/fetch-loop';
import { LogClient } from '../read/log-client';
import { partitionName, type TopicPartition } from '../topic-partition';
import { BatchContext } from './batch-context';
import { GroupMembership } from './group-membership';
import { PartitionTasks } from './partition-tasks';
import { PartitionTask } from './partition-task';
import { type KafkaBatchServerOptions, serverLimits, type ServerHealth, type ServerStatus } from './server-options';
import { type TopicHandler, topicHandlers } from './topic-handlers';

export interface OffsetToCommit extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number;
  /** At most 4,096 bytes of UTF-8. */
  readonly metadata?: string;
}

const FETCH_BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 1_048_576, maxBytes: 8 * 1_048_576 };
const END_INTERVAL_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * A Nest transport that passes whole batches of a topic to its one handler (`@BatchHandler(topic, transportId)`).
 *
 * Three components run independently: the group membership (heartbeats), the fetch loop (one fetch to each leader, for the
 * partitions with room in their queue), and one task per partition (one handler call at a time). A handler that hangs
 * blocks only its own partition.
 *
 * Failure semantics: every committed record from the offset of `hooks.open` on is handed over at least once, in the order
 * of the log within a partition. The server commits no offsets by itself: hooks and handler do. When the process is
 * killed, the next owner opens the partition and reads on from the committed offset.
 */
export class KafkaBatchServer extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private readonly limits: ReturnType<typeof serverLimits>;
  private readonly tasks = new PartitionTasks();
  private handlers = new Map<string, TopicHandler>();
  private membership: GroupMembership | undefined;
  private client: LogClient | undefined;
  private loop: FetchLoop | undefined;
  private endTimer: NodeJS.Timeout | undefined;
  private isPaused = false;
  private closing: Promise<void> | undefined;

  constructor(private readonly settings: KafkaBatchServerOptions) {
    super();
    this.limits = serverLimits(settings);
    this.transportId = settings.transportId ?? Symbol(`kafka-batch:${settings.groupId}`);
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      this.handlers = topicHandlers(this.messageHandlers, this.settings.topics);
      this.startReading([...this.handlers.keys()]);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Drains and closes every task within drainTimeoutMs, then ends the membership. Can be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeNow());
  }

  override on(): never {
    throw new Error('KafkaBatchServer emits no events: use describe() and health()');
  }

  override unwrap(): never {
    throw new Error('KafkaBatchServer has no driver to unwrap');
  }

  /** Stops handler calls until resume(), also for partitions assigned later. Queues fill up to their bounds. */
  pause(): void {
    this.isPaused = true;
  }

  /** Ends pause(), and opens the stopped partitions again. Call it when the cause that stopped them is fixed. */
  resume(): void {
    this.isPaused = false;
    for (const task of this.tasks) task.resume();
  }

  /** For a failure found outside the handler: the partition task goes on as if the handler had returned this outcome. */
  interrupt(partition: TopicPartition, outcome: BatchOutcome): void {
    this.tasks.get(partition)?.interrupt(outcome);
  }

  /** For at-least-once services only. Commits with the generation of this member, so a previous owner is rejected. */
  async commitOffsets(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    if (this.membership === undefined)
      throw new Error(`The server of the group ${this.settings.groupId} does not listen`);
    await this.membership.commit(offsets);
  }

  /** The state of the membership and of each assigned partition. (The base class already has a `status`.) */
  describe(): ServerStatus {
    return {
      group: this.settings.groupId,
      state: this.membership?.state ?? 'connecting',
      partitions: this.tasks.statuses(),
    };
  }

  /** Not live: a handler hangs, or the group rejects this member. Not ready: a task is not running, or paused. */
  health(): ServerHealth {
    const { state, partitions } = this.describe();
    const hung = [...this.tasks]
      .filter(({ handlingMs }) => handlingMs > this.limits.handlerTimeoutMs)
      .map(({ partition, handlingMs }) => ({ ...partition, handlingMs }));
    const waiting = partitions
      .filter((partition) => partition.state !== 'running')
      .map(({ topic, partition, state: task, error }) => ({ topic, partition, state: task, error }));
    return {
      live: { ok: state !== 'failed' && hung.length === 0, detail: { group: state, hung } },
      ready: { ok: state === 'joined' && waiting.length === 0 && !this.isPaused, detail: { group: state, waiting } },
    };
  }

  private startReading(topics: readonly string[]): void {
    const { kafka, groupId, logger } = this.settings;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.limits;
    this.client = new LogClient(kafka, 'committed');
    const source: FetchSource = {
      wanted: () => this.tasks.wanted(),
      deliver: (fetched) => this.tasks.get(fetched)?.deliver(fetched),
      lost: (want, cause) => this.tasks.get(want)?.interrupt({ kind: 'stop', cause }),
    };
    this.loop = new FetchLoop(this.client, topics, source, FETCH_BOUNDS, logger);
    this.membership = new GroupMembership(
      kafka,
      { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs },
      {
        assigned: (partitions) => {
          this.assign(partitions);
        },
        revoking: () => this.tasks.releaseAll(this.limits.drainTimeoutMs),
        lost: () => this.tasks.releaseAll(0),
      },
      logger,
    );
    this.membership.start();
    this.endTimer = setInterval(() => void this.refreshEnds(), END_INTERVAL_MS).unref();
  }

  private assign(partitions: readonly TopicPartition[]): void {
    if (this.closing !== undefined) return;
    const { groupId, hooks, logger } = this.settings;
    logger?.info({ group: groupId, partitions: partitions.map(partitionName) }, 'partitions assigned');
    this.tasks.replace(
      partitions,
      (partition, after) =>
        new PartitionTask(
          partition,
          {
            hooks,
            logger,
            resumeAt: (ref) => this.resumeAt(ref),
            handle: (batch, ref, signal) => this.handle(batch, ref, signal),
            wake: () => this.loop?.wake(),
            isPaused: () => this.isPaused,
            random: Math.random,
          },
          this.limits,
          after,
        ),
    );
  }

  private async handle(
    batch: Parameters<TopicHandler>[0],
    partition: TopicPartition,
    signal: AbortSignal,
  ): Promise<BatchOutcome> {
    const handler = this.handlers.get(batch.topic);
    if (handler === undefined) throw new TypeError(`${batch.topic} has no handler`);
    return handler(batch, new BatchContext(batch, partition, signal));
  }

  /** The group's committed offset, or the beginning of the log. */
  private async resumeAt(partition: TopicPartition): Promise<number> {
    const committed = await this.membership?.committed(partition);
    if (committed !== undefined) return committed;
    await this.client?.connect([partition.topic]);
    const edges = await this.client?.edges(partition.topic, 'beginning', [partition.partition]);
    return edges?.get(partition.partition) ?? 0;
  }

  /** Keeps the lag current of partitions that are not fetched (paused, stopped, full queue). */
  private async refreshEnds(): Promise<void> {
    const stale = [...this.tasks].filter(({ endAgeMs }) => endAgeMs > END_INTERVAL_MS);
    for (const topic of new Set(stale.map(({ partition }) => partition.topic))) {
      const tasks = stale.filter(({ partition }) => partition.topic === topic);
      const partitions = tasks.map(({ partition }) => partition.partition);
      const ends = await this.client?.edges(topic, 'end', partitions).catch(() => undefined);
      for (const task of tasks) {
        const end = ends?.get(task.partition.partition);
        if (end !== undefined) task.observeEnd(end);
      }
    }
  }

  private async closeNow(): Promise<void> {
    clearInterval(this.endTimer);
    const { drainTimeoutMs } = this.limits;
    await this.tasks.releaseAll(drainTimeoutMs);
    await Promise.all([
      settledWithin(DISCONNECT_TIMEOUT_MS, this.loop?.stop() ?? Promise.resolve()),
      this.membership?.end(),
    ]);
    if (this.client !== undefined) await settledWithin(DISCONNECT_TIMEOUT_MS, this.client.disconnect());
  }
}
