import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { type BatchOutcome } from '../outcome';
import { settledWithin } from '../read/backoff';
import { FetchLoop, type FetchSource } from '../read/fetch-loop';
import { LogClient } from '../read/log-client';
import { type PartitionRef } from '../record';
import { BatchContext } from './batch-context';
import { GroupMembership } from './group-membership';
import { type BatchHandlerFunction, batchHandlers } from './handlers';
import { PartitionTasks } from './partition-tasks';
import { PartitionTask } from './partition-task';
import { type KafkaBatchServerOptions, type ServerHealth, type ServerStatus } from './server-options';

export interface OffsetToCommit extends PartitionRef {
  /** The next offset to read. */
  readonly offset: number;
  /** At most 4,096 bytes of UTF-8. */
  readonly metadata?: string;
}

const FETCH_BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 1_048_576, maxBytes: 8 * 1_048_576 };
const END_INTERVAL_MS = 5_000;
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * Nest transport that hands whole batches of a topic to its one handler (`@BatchHandler(topic, transportId)`).
 *
 * Three things run apart from each other, so that none waits for another: the membership (heartbeats), the fetch loop
 * (one fetch to each leader, for the partitions with room in their queue), and a task per partition (one handler call
 * at a time). A stuck handler therefore stops its partition, and neither the others nor the membership.
 *
 * Failure semantics: every committed record from the opened position on is handed over at least once, per partition in
 * the order of the log; what becomes of it is the hooks' and the handler's. Positions are theirs as well: this server
 * commits nothing by itself. Killed at any point, the next owner opens and reads on from what was committed.
 */
export class KafkaBatchServer extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  private readonly limits: ReturnType<typeof limitsOf>;
  private readonly tasks = new PartitionTasks();
  private handlers = new Map<string, BatchHandlerFunction>();
  private membership: GroupMembership | undefined;
  private client: LogClient | undefined;
  private loop: FetchLoop | undefined;
  private ends: NodeJS.Timeout | undefined;
  private paused = false;
  private closing: Promise<void> | undefined;

  constructor(private readonly settings: KafkaBatchServerOptions) {
    super();
    this.limits = limitsOf(settings);
    this.transportId = settings.transportId ?? Symbol(`kafka-batch:${settings.groupId}`);
  }

  listen(callback: (error?: unknown) => void): void {
    try {
      this.handlers = batchHandlers(this.messageHandlers, this.settings.topics);
      this.startReading([...this.handlers.keys()]);
      callback();
    } catch (error) {
      callback(error);
    }
  }

  /** Drains and closes every task within drainTimeoutMs, then leaves the group. May be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeNow());
  }

  override on(): never {
    throw new Error('KafkaBatchServer has no events: see describe() and health()');
  }

  override unwrap(): never {
    throw new Error('KafkaBatchServer wraps no driver');
  }

  /** No handler is called again, of partitions assigned later neither, until resume(). Queues fill up to their bounds. */
  pause(): void {
    this.paused = true;
  }

  /** Ends pause(), and opens the partitions that were stopped: whoever resumes has patched what stopped them. */
  resume(): void {
    this.paused = false;
    for (const task of this.tasks) task.resume();
  }

  /** For a failure found behind the handler's back: the task goes on as if the handler had returned this outcome. */
  interrupt(partition: PartitionRef, outcome: BatchOutcome): void {
    this.tasks.get(partition)?.interrupt(outcome);
  }

  /** For at-least-once services only: commits with the member's generation, so a former owner is rejected. */
  async commitOffsets(offsets: readonly OffsetToCommit[]): Promise<void> {
    if (offsets.length === 0) return;
    if (this.membership === undefined) throw new Error('the server does not listen');
    await this.membership.commit(offsets);
  }

  /** State of the group and of each assigned partition. (`status` is taken by the base class.) */
  describe(): ServerStatus {
    return {
      group: this.settings.groupId,
      state: this.membership?.state ?? 'connecting',
      partitions: this.tasks.statuses(),
    };
  }

  /** Not live: a handler hangs, or the group will not have this member. Not ready: anything but all tasks running. */
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
      ready: { ok: state === 'joined' && waiting.length === 0 && !this.paused, detail: { group: state, waiting } },
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
    this.ends = setInterval(() => void this.refreshEnds(), END_INTERVAL_MS).unref();
  }

  private assign(partitions: readonly PartitionRef[]): void {
    if (this.closing !== undefined) return;
    const { groupId, hooks, logger } = this.settings;
    logger?.info({ group: groupId, partitions: partitions.map(nameOf) }, 'partitions assigned');
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
            isPaused: () => this.paused,
            random: Math.random,
          },
          this.limits,
          after,
        ),
    );
  }

  private async handle(
    batch: Parameters<BatchHandlerFunction>[0],
    partition: PartitionRef,
    signal: AbortSignal,
  ): Promise<BatchOutcome> {
    const handler = this.handlers.get(batch.topic);
    if (handler === undefined) throw new TypeError(`no handler for ${batch.topic}`);
    return handler(batch, new BatchContext(batch, partition, signal));
  }

  /** The group's committed offset, or the beginning of the log. */
  private async resumeAt(partition: PartitionRef): Promise<number> {
    const committed = await this.membership?.committed(partition);
    if (committed !== undefined) return committed;
    await this.client?.connect([partition.topic]);
    const edges = await this.client?.edges(partition.topic, 'beginning', [partition.partition]);
    return edges?.get(partition.partition) ?? 0;
  }

  /** A partition that is not fetched (paused, stopped, full) still shows its lag. */
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
    clearInterval(this.ends);
    const { drainTimeoutMs } = this.limits;
    await this.tasks.releaseAll(drainTimeoutMs);
    // What a fetch still brings is for nobody.
    await Promise.all([
      settledWithin(DISCONNECT_TIMEOUT_MS, this.loop?.stop() ?? Promise.resolve()),
      this.membership?.end(),
    ]);
    if (this.client !== undefined) await settledWithin(DISCONNECT_TIMEOUT_MS, this.client.disconnect());
  }
}

const nameOf = ({ topic, partition }: PartitionRef): string => `${topic}/${partition.toString()}`;

function limitsOf(settings: KafkaBatchServerOptions) {
  return {
    maxBatchRecords: settings.maxBatchRecords ?? 2_000,
    maxQueuedRecords: settings.maxQueuedRecords ?? 10_000,
    maxQueuedBytes: settings.maxQueuedBytes ?? 16 * 1_048_576,
    sessionTimeoutMs: settings.sessionTimeoutMs ?? 10_000,
    rebalanceTimeoutMs: settings.rebalanceTimeoutMs ?? 30_000,
    handlerTimeoutMs: settings.handlerTimeoutMs ?? 120_000,
    maxRetryMs: settings.maxRetryMs ?? 10_000,
    drainTimeoutMs: Math.min(settings.drainTimeoutMs ?? 10_000, (settings.rebalanceTimeoutMs ?? 30_000) * 0.8),
  };
}
