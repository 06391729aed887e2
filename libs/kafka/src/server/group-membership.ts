import { type Kafka } from 'kafkajs';
import { connectionOf } from '../client/create-kafka';
import { type KafkaLogger } from '../client/kafka-settings';
import { type Cluster, createCluster, protocolCodeOf } from '../client/kafkajs-internals';
import { Backoff } from '../backoff';
import { delay, settledWithin } from '../delay';
import { isCoordinatorMoved } from '../transactions/broker-answers';
import { messageOf } from './error-outcome';
import { type TopicPartition } from '../topic-partition';
import { type ConsumerGroup, type ConsumerGroupOptions, createConsumerGroup } from './consumer-group';
import { joinAsStaticMember } from './static-member';

export interface MembershipEvents {
  /** The member has joined a generation of the group and owns exactly these partitions. */
  assigned(partitions: readonly TopicPartition[]): void;
  /** A rebalance has begun: settle what was taken. The member joins when this resolves; until then it sends heartbeats. */
  revoking(): Promise<void>;
  /** The coordinator answers again after it did not. The member owns the same partitions as before. */
  reached(): void;
  /** The group has removed this member. Others may own its partitions already. */
  lost(): Promise<void>;
}

/** Why a member ends its generation. */
type Departure = 'rebalance' | 'lost' | 'leaving';

const REBALANCE_IN_PROGRESS = 27;
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER_ID = 25;
const FENCED_INSTANCE_ID = 82;
/** Inconsistent protocol, invalid group id, invalid session timeout, missing rights: no retry helps. */
const PERMANENT: ReadonlySet<number | undefined> = new Set([23, 24, 26, 29, 30, 31]);
/**
 * A static member that is fenced again within so many sessions competes with another process. That one joins again
 * earlier: it waits for at most one session.
 */
const CONTESTED_SESSIONS = 4;
const LEAVE_TIMEOUT_MS = 3_000;
/** Between heartbeats while the coordinator does not answer, and at most between attempts to join: it is noticed soon when a broker is back. */
const RETRY_HEARTBEAT_MS = 500;
const RETRY_JOIN_MS = 1_000;
const CONTESTED =
  'another process has the same group.instance.id; this member has failed: give each process its own, and restart it';
const REJECTED = 'the group rejects this member; it has failed: correct its rights or its settings, and restart it';
/** Without this interval kafkajs sends no heartbeat while the wall clock, set back, is before the last heartbeat. */
const AT_ONCE = { interval: -Infinity };

/**
 * The membership of this process in a consumer group. Sends heartbeats on a timer, independent of the handlers, and drains
 * *before* it joins the next generation. (The runner of kafkajs joins at once, and stops for good after a TypeError.)
 *
 * Failure semantics: an assignment can be outdated. A member that was suspended for longer than its session may still use
 * its partitions. The fence of PartitionTransactions protects against it, or the generation in commitOffsets.
 *
 * A static member that is fenced joins again once: a coordinator that was killed can come back with an old view of the
 * group, in which an earlier member has the group.instance.id, and fences its only owner. If it is fenced again soon,
 * another process has the same id. Of two such processes the one that joined first fails.
 */
export class GroupMembership {
  private readonly cluster: Cluster;
  private readonly group: ConsumerGroup;
  private readonly leaving = new AbortController();
  private readonly backoff = new Backoff(100, RETRY_JOIN_MS);
  private readonly heartbeatMs: number;
  private readonly isStatic: boolean;
  private running: Promise<void> | undefined;
  private readonly fencedBackoff: Backoff;
  private fencedAt = -Infinity;
  private contactAt = performance.now();
  /** Why joining failed, or why the coordinator does not answer; undefined while the membership is in order. */
  contactError: string | undefined;
  state: 'connecting' | 'joined' | 'rebalancing' | 'closed' | 'failed' = 'connecting';

  constructor(
    kafka: Kafka,
    private readonly options: ConsumerGroupOptions,
    private readonly events: MembershipEvents,
    private readonly logger?: KafkaLogger,
  ) {
    this.heartbeatMs = Math.max(Math.min(options.sessionTimeoutMs / 5, 3_000), 100);
    this.fencedBackoff = new Backoff(options.sessionTimeoutMs, options.sessionTimeoutMs);
    this.cluster = createCluster(kafka, 'committed');
    const { groupInstanceId } = connectionOf(kafka);
    this.isStatic = groupInstanceId !== undefined;
    if (groupInstanceId !== undefined) joinAsStaticMember(this.cluster, groupInstanceId);
    this.group = createConsumerGroup(kafka, this.cluster, options);
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Ends the membership. A dynamic member leaves the group, so that the others need not wait for the end of its session. A
   * static member does not: the next process with its group.instance.id gets the same partitions without a rebalance. If
   * none joins within the session, the group reassigns them.
   */
  async end(): Promise<void> {
    this.leaving.abort();
    const { running = Promise.resolve(), isStatic } = this;
    await settledWithin(LEAVE_TIMEOUT_MS, isStatic ? running : running.then(() => this.group.leave()));
    if (this.state !== 'failed') this.state = 'closed';
    await settledWithin(LEAVE_TIMEOUT_MS, this.cluster.disconnect());
  }

  /** Rejects when the group has removed this member. */
  async commit(offsets: readonly (TopicPartition & { offset: number; metadata?: string })[]): Promise<void> {
    if (this.group.memberId === null || this.group.memberId === '')
      throw new Error(`This process is not a member of the group ${this.options.groupId}`);
    const topics = new Map<string, { partition: number; offset: string; metadata?: string }[]>();
    for (const { topic, partition, offset, metadata } of offsets) {
      const list = topics.get(topic) ?? [];
      list.push({ partition, offset: offset.toString(), ...(metadata === undefined ? {} : { metadata }) });
      topics.set(topic, list);
    }
    try {
      await this.group.commitOffsets({
        topics: Array.from(topics, ([topic, partitions]) => ({ topic, partitions })),
      });
    } catch (error) {
      // The next commit goes to where the coordinator is then.
      if (isCoordinatorMoved(error)) await this.findCoordinator();
      throw error;
    }
  }

  /** The group's committed offset of the partition; undefined if it has none. */
  async committed({ topic, partition }: TopicPartition): Promise<number | undefined> {
    const { groupId } = this.options;
    const coordinator = await this.cluster.findGroupCoordinator({ groupId });
    const { responses } = await coordinator.offsetFetch({ groupId, topics: [{ topic, partitions: [{ partition }] }] });
    const offset = Number(responses[0]?.partitions[0]?.offset ?? -1);
    return offset < 0 ? undefined : offset;
  }

  private get isLeaving(): boolean {
    return this.leaving.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.isLeaving) {
      try {
        await this.join();
        const departure = await this.stay();
        if (departure === 'rebalance') await this.revoke();
        if (departure === 'lost') await this.forget();
      } catch (error) {
        const { groupId: group } = this.options;
        const isFenced = protocolCodeOf(error) === FENCED_INSTANCE_ID;
        this.contactError = messageOf(error);
        if (isFenced ? this.isContested() : PERMANENT.has(protocolCodeOf(error))) {
          this.logger?.error({ err: error, group }, isFenced ? CONTESTED : REJECTED);
          await this.forget();
          this.state = 'failed';
          return;
        }
        this.logger?.warn({ err: error, group }, 'joining the group failed; it is retried');
        await this.forget();
        await (isFenced ? this.fencedBackoff : this.backoff).wait(this.leaving.signal);
      }
    }
  }

  /** Called each time this member is fenced. Returns whether that has happened before within CONTESTED_SESSIONS. */
  private isContested(): boolean {
    const before = this.fencedAt;
    this.fencedAt = performance.now();
    return this.fencedAt - before < CONTESTED_SESSIONS * this.options.sessionTimeoutMs;
  }

  private async join(): Promise<void> {
    await this.cluster.connect();
    await this.cluster.addMultipleTargetTopics(this.options.topics);
    // Always: after a lost connection another broker can listen at its address, and the metadata say so.
    await this.cluster.refreshMetadata();
    await this.group.joinAndSync();
    this.contactAt = performance.now();
    this.contactError = undefined;
    this.backoff.reset();
    if (this.isLeaving) return;
    this.state = 'joined';
    this.events.assigned(
      this.group.assigned().flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    );
  }

  /** Sends heartbeats until the generation ends for this member. */
  private async stay(): Promise<Departure> {
    for (;;) {
      const isReached = this.contactError === undefined;
      await delay(isReached ? this.heartbeatMs : Math.min(this.heartbeatMs, RETRY_HEARTBEAT_MS), this.leaving.signal);
      if (this.isLeaving) return 'leaving';
      const departure = await this.beat();
      if (departure !== undefined) return departure;
    }
  }

  /** Returns undefined while nothing shows that the generation has ended. */
  private async beat(): Promise<Departure | undefined> {
    try {
      await this.heartbeat();
      this.contactAt = performance.now();
      const isBack = this.contactError !== undefined;
      this.contactError = undefined;
      if (isBack) this.events.reached();
      return undefined;
    } catch (error) {
      const code = protocolCodeOf(error);
      if (code === REBALANCE_IN_PROGRESS) return 'rebalance';
      if (code === FENCED_INSTANCE_ID) throw error;
      if (code === ILLEGAL_GENERATION || code === UNKNOWN_MEMBER_ID) return 'lost';
      // The coordinator did not respond. The membership lasts until the end of the session.
      this.contactError = `no answer of the group coordinator: ${messageOf(error)}`;
      if (performance.now() - this.contactAt >= this.options.sessionTimeoutMs) return 'lost';
      await this.findCoordinator();
      return undefined;
    }
  }

  /** Rejects at the end of the session: the group removes this member then, whether or not the request is answered. */
  private async heartbeat(): Promise<void> {
    const answered = new AbortController();
    const leftMs = Math.max(0, this.contactAt + this.options.sessionTimeoutMs - performance.now());
    const late = delay(leftMs, answered.signal).then(() => {
      throw new Error('the coordinator did not answer a heartbeat within the session timeout');
    });
    try {
      await Promise.race([this.group.heartbeat(AT_ONCE), late]);
    } finally {
      answered.abort();
    }
  }

  private async findCoordinator(): Promise<void> {
    const { groupId } = this.options;
    const found = this.cluster.findGroupCoordinator({ groupId }).then(
      (coordinator) => {
        this.group.coordinator = coordinator;
      },
      () => this.cluster.connect().catch(() => undefined),
    );
    await settledWithin(this.heartbeatMs, found);
  }

  /** Sends heartbeats during the drain: the broker accepts them while it waits for the member to join. */
  private async revoke(): Promise<void> {
    this.state = 'rebalancing';
    const settled = new AbortController();
    const beating = (async (): Promise<void> => {
      while (!settled.signal.aborted) {
        await this.group.heartbeat(AT_ONCE).catch(() => undefined);
        await delay(this.heartbeatMs, settled.signal);
      }
    })();
    await this.events.revoking();
    settled.abort();
    await beating;
  }

  private async forget(): Promise<void> {
    this.state = 'connecting';
    this.group.memberId = null;
    await this.events.lost();
  }
}
