import { type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { type BatchOutcome } from '../outcome';
import { settledWithin } from '../delay';
import { FetchLoop, type FetchSource, type UnreadPartition } from '../read/fetch-loop';
import { LogClient } from '../read/log-client';
import { partitionName, type TopicPartition } from '../topic-partition';
import { BatchContext } from './batch-context';
import { GroupMembership } from './group-membership';
import { PartitionTasks } from './partition-tasks';
import { PartitionTask } from './partition-task';
import { type KafkaBatchServerOptions, serverLimits, type ServerHealth, type ServerStatus } from './server-options';
import { OpenTransactionLog } from './open-transaction-log';
import { type TopicHandler, topicHandlers } from './topic-handlers';
import { TopicWatch } from './topic-watch';

export interface OffsetToCommit extends TopicPartition {
  /** The next offset to read. */
  readonly offset: number;
  /** At most 4,096 bytes of UTF-8. */
  readonly metadata?: string;
}

const FETCH_BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 1_048_576, maxBytes: 8 * 1_048_576 };
const END_INTERVAL_MS = 5_000;
/** A partition without an answer for so long makes the service not ready: within 2 s of the loss of its broker. */
const UNREAD_MS = 1_500;
const METADATA_INTERVAL_MS = 60_000;
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
  private watch: TopicWatch | undefined;
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly programmingErrors = new Map<string, number>();
  private readonly openTransactions: OpenTransactionLog;
  private joins = 0;
  private isPaused = false;
  private closing: Promise<void> | undefined;

  constructor(private readonly settings: KafkaBatchServerOptions) {
    super();
    this.limits = serverLimits(settings);
    this.openTransactions = new OpenTransactionLog(settings.logger);
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
    this.watch?.accept();
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

  /**
   * The state of the membership and of each assigned partition. A partition that runs and whose fetches are not answered
   * is `retrying`, with the reason. (The base class already has a `status`.)
   */
  describe(): ServerStatus {
    const unread = new Map(this.unread().map((one) => [partitionName(one), one.error]));
    return {
      group: this.settings.groupId,
      state: this.membership?.state ?? 'connecting',
      partitions: this.tasks.statuses().map((status) => {
        const error = status.state === 'running' ? unread.get(partitionName(status)) : undefined;
        return error === undefined ? status : { ...status, state: 'retrying', error };
      }),
      rebalances: Math.max(this.joins - 1, 0),
      programmingErrors: Object.fromEntries(this.programmingErrors),
    };
  }

  /**
   * Not live: a handler hangs, or the group rejects this member. Not ready: a task is not running, or paused; the brokers
   * do not answer. `waiting` and `unread` name each partition that does not move, with the reason.
   */
  health(): ServerHealth {
    const state = this.membership?.state ?? 'connecting';
    const hung = [...this.tasks]
      .filter(({ handlingMs }) => handlingMs > this.limits.handlerTimeoutMs)
      .map(({ partition, handlingMs }) => ({ ...partition, handlingMs }));
    const waiting = this.tasks
      .statuses()
      .filter((partition) => partition.state !== 'running')
      .map(({ topic, partition, state: task, error }) => ({ topic, partition, state: task, error }));
    const unread = this.unread();
    const group = this.membership?.contactError ?? state;
    const isReady = state === 'joined' && group === state && waiting.length + unread.length === 0 && !this.isPaused;
    return {
      live: { ok: state !== 'failed' && hung.length === 0, detail: { group: state, hung } },
      ready: { ok: isReady, detail: { group, waiting, unread } },
    };
  }

  private unread(): readonly UnreadPartition[] {
    return this.loop?.unread(UNREAD_MS) ?? [];
  }

  private startReading(topics: readonly string[]): void {
    const { kafka, groupId, logger } = this.settings;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = this.limits;
    const client = new LogClient(kafka, 'committed');
    this.client = client;
    this.watch = new TopicWatch({
      topics,
      partitions: this.settings.partitions,
      describe: (names) => client.describeTopics(names),
      onProblem: (topic, problem) => {
        this.stopTopic(topic, problem);
      },
    });
    const source: FetchSource = {
      wanted: () => this.tasks.wanted(),
      deliver: (fetched) => this.tasks.get(fetched)?.deliver(fetched),
      lost: (want, cause) => this.tasks.get(want)?.endAt(want.offset, cause),
    };
    this.loop = new FetchLoop(this.client, topics, source, { ...FETCH_BOUNDS, ...this.settings.fetch }, logger);
    this.membership = new GroupMembership(
      kafka,
      { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs },
      {
        assigned: (partitions) => {
          this.assign(partitions);
        },
        reached: () => {
          for (const task of this.tasks) task.retryNow();
        },
        revoking: () => this.tasks.releaseAll(this.limits.drainTimeoutMs),
        lost: () => this.tasks.releaseAll(0),
      },
      logger,
    );
    this.membership.start();
    this.timers.push(
      setInterval(() => void this.refreshEnds(), END_INTERVAL_MS).unref(),
      setInterval(
        () =>
          void this.watch?.refresh().catch((error: unknown) => {
            logger?.warn({ err: error, topics }, 'reading the metadata of the topics failed; it is retried');
          }),
        this.settings.metadataIntervalMs ?? METADATA_INTERVAL_MS,
      ).unref(),
    );
  }

  private assign(partitions: readonly TopicPartition[]): void {
    if (this.closing !== undefined) return;
    this.joins++;
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
            verify: ({ topic }) => this.verify(topic),
            resumeAt: (ref) => this.resumeAt(ref),
            handle: (batch, ref, signal) => this.handle(batch, ref, signal),
            wake: () => this.loop?.wake(),
            isPaused: () => this.isPaused,
            leadsOn: this.settings.leadsOn,
            onProgrammingError: ({ topic }) => {
              this.programmingErrors.set(topic, (this.programmingErrors.get(topic) ?? 0) + 1);
            },
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

  /** @throws the reason why the topic must not be read; an error when no broker answers */
  private async verify(topic: string): Promise<void> {
    await this.client?.connect([...this.handlers.keys()]);
    await this.watch?.refresh();
    const problem = this.watch?.problemOf(topic);
    if (problem !== undefined) throw problem;
  }

  private stopTopic(topic: string, problem: Error): void {
    this.settings.onTopicChanged?.(topic, problem);
    for (const task of this.tasks) {
      if (task.partition.topic === topic) task.interrupt({ kind: 'stop', cause: problem });
    }
  }

  /** Keeps the lag current of partitions that are not fetched (paused, stopped, full queue), and logs what holds it up. */
  private async refreshEnds(): Promise<void> {
    const stale = [...this.tasks].filter(({ endsAgeMs }) => endsAgeMs > END_INTERVAL_MS);
    for (const topic of new Set(stale.map(({ partition }) => partition.topic))) {
      const tasks = stale.filter(({ partition }) => partition.topic === topic);
      const partitions = tasks.map(({ partition }) => partition.partition);
      const ends = await this.client?.ends(topic, partitions).catch(() => undefined);
      for (const task of tasks) {
        const end = ends?.get(task.partition.partition);
        if (end !== undefined) task.observeEnds(end);
      }
    }
    for (const { partition, openTransaction } of this.tasks) this.openTransactions.observe(partition, openTransaction);
  }

  private async closeNow(): Promise<void> {
    for (const timer of this.timers.splice(0)) clearInterval(timer);
    const { drainTimeoutMs } = this.limits;
    await this.tasks.releaseAll(drainTimeoutMs);
    await Promise.all([
      settledWithin(DISCONNECT_TIMEOUT_MS, this.loop?.stop() ?? Promise.resolve()),
      this.membership?.end(),
    ]);
    if (this.client !== undefined) await settledWithin(DISCONNECT_TIMEOUT_MS, this.client.disconnect());
  }
}
