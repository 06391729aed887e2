import { type Kafka } from 'kafkajs';
import { connectionOf } from '../client/create-kafka';
import { type KafkaLogger } from '../client/kafka-settings';
import { type Cluster, createCluster, loadFromKafkajs, loggerOf, protocolCodeOf } from '../client/kafkajs-internals';
import { Backoff, delay, settledWithin } from '../read/backoff';
import { type PartitionRef } from '../record';
import { joinAs } from './static-member';

/** The parts of kafkajs' ConsumerGroup that make a member: join, sync, heartbeat, commit, leave. Its fetching is not used. */
interface ConsumerGroup {
  memberId: string | null;
  coordinator: unknown;
  joinAndSync(): Promise<void>;
  heartbeat(options: { interval: number }): Promise<void>;
  leave(): Promise<void>;
  assigned(): readonly { topic: string; partitions: readonly number[] }[];
  commitOffsets(offsets: {
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; offset: string; metadata?: string }[];
    }[];
  }): Promise<void>;
}

export interface MembershipOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

export interface MembershipEvents {
  /** Joined a generation: exactly these partitions from now on. */
  assigned(partitions: readonly PartitionRef[]): void;
  /** A rebalance has begun: settle what is held. The member joins when this resolves, and stays alive meanwhile. */
  revoking(): Promise<void>;
  /** The group went on without this member: others may own its partitions already. */
  lost(): Promise<void>;
}

type Departure = 'rebalance' | 'lost' | 'leaving';

const REBALANCE_IN_PROGRESS = 27;
const ILLEGAL_GENERATION = 22;
const UNKNOWN_MEMBER_ID = 25;
const FENCED_INSTANCE_ID = 82;
/** Inconsistent protocol, invalid group id, invalid session timeout, missing rights: nothing that a retry helps. */
const HOPELESS: ReadonlySet<number | undefined> = new Set([23, 24, 26, 29, 30, 31]);
/** In sessions. Whoever has taken the name is back within less: each waits for one at most before it joins again. */
const CONTESTED_FOR = 4;
const LEAVE_TIMEOUT_MS = 3_000;
/** kafkajs holds a heartbeat back until the wall clock is past the last one: for as long as somebody has set it back. */
const AT_ONCE = { interval: -Infinity };

/**
 * This process' membership of a consumer group: heartbeats on a timer of their own, whatever the handlers do, and a
 * drain *before* it joins the next generation (kafkajs' own runner joins at once, and stops for good at a TypeError).
 *
 * Failure semantics: assignment is advice. A member that was paused past its session may still believe in its
 * partitions; what keeps it from doing harm is the fence of PartitionTransactions, or the generation in commitOffsets.
 *
 * A named member that is fenced joins again, once: a coordinator that was killed may come back with an old view of the
 * group, which has an earlier member under the name, and answers its only owner as it would an impostor. Fenced again
 * soon, another process has the name. Of two such processes the one that was there first fails, after three turns.
 */
export class GroupMembership {
  private readonly cluster: Cluster;
  private readonly group: ConsumerGroup;
  private readonly leaving = new AbortController();
  private readonly backoff = new Backoff(100, 3_000);
  private readonly heartbeatMs: number;
  private readonly isNamed: boolean;
  private running: Promise<void> | undefined;
  private readonly fenced: Backoff;
  private fencedAt = -Infinity;
  private contactAt = performance.now();
  state: 'connecting' | 'joined' | 'rebalancing' | 'closed' | 'failed' = 'connecting';

  constructor(
    kafka: Kafka,
    private readonly options: MembershipOptions,
    private readonly events: MembershipEvents,
    private readonly logger?: KafkaLogger,
  ) {
    this.heartbeatMs = Math.max(Math.min(options.sessionTimeoutMs / 5, 3_000), 100);
    this.fenced = new Backoff(options.sessionTimeoutMs, options.sessionTimeoutMs);
    this.cluster = createCluster(kafka, 'committed');
    const { groupInstanceId } = connectionOf(kafka);
    this.isNamed = groupInstanceId !== undefined;
    if (groupInstanceId !== undefined) joinAs(this.cluster, groupInstanceId);
    this.group = createConsumerGroup(kafka, this.cluster, options);
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Ends the membership. One without a name leaves the group, so that the others need not wait for its session to end. One
   * with a name goes without a word: the next process under it has the same partitions, and the others notice nothing. If
   * none comes within the session, the group shares them out.
   */
  async end(): Promise<void> {
    this.leaving.abort();
    const { running = Promise.resolve(), isNamed } = this;
    await settledWithin(LEAVE_TIMEOUT_MS, isNamed ? running : running.then(() => this.group.leave()));
    if (this.state !== 'failed') this.state = 'closed';
    await settledWithin(LEAVE_TIMEOUT_MS, this.cluster.disconnect());
  }

  /** Rejects when the group has gone on without this member. */
  async commit(offsets: readonly (PartitionRef & { offset: number; metadata?: string })[]): Promise<void> {
    if (this.group.memberId === null || this.group.memberId === '') throw new Error('not a member of the group now');
    const topics = new Map<string, { partition: number; offset: string; metadata?: string }[]>();
    for (const { topic, partition, offset, metadata } of offsets) {
      const list = topics.get(topic) ?? [];
      list.push({ partition, offset: offset.toString(), ...(metadata === undefined ? {} : { metadata }) });
      topics.set(topic, list);
    }
    await this.group.commitOffsets({
      topics: Array.from(topics, ([topic, partitions]) => ({ topic, partitions })),
    });
  }

  /** The group's committed offset of the partition. */
  async committed({ topic, partition }: PartitionRef): Promise<number | undefined> {
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
        if (departure === 'rebalance') await this.settle();
        if (departure === 'lost') await this.forget();
      } catch (error) {
        const { groupId: group } = this.options;
        const isFenced = protocolCodeOf(error) === FENCED_INSTANCE_ID;
        if (isFenced ? this.isContested() : HOPELESS.has(protocolCodeOf(error))) {
          this.logger?.error({ err: error, group }, 'the group does not have this member');
          await this.forget();
          this.state = 'failed';
          return;
        }
        this.logger?.warn({ err: error, group }, 'not in the group; trying again');
        await this.forget();
        await (isFenced ? this.fenced : this.backoff).wait(this.leaving.signal);
      }
    }
  }

  /** To be asked when this member is fenced: whether that has happened lately. */
  private isContested(): boolean {
    const before = this.fencedAt;
    this.fencedAt = performance.now();
    return this.fencedAt - before < CONTESTED_FOR * this.options.sessionTimeoutMs;
  }

  private async join(): Promise<void> {
    await this.cluster.connect();
    await this.cluster.addMultipleTargetTopics(this.options.topics);
    await this.cluster.refreshMetadataIfNecessary();
    await this.group.joinAndSync();
    this.contactAt = performance.now();
    this.backoff.reset();
    if (this.isLeaving) return;
    this.state = 'joined';
    this.events.assigned(
      this.group.assigned().flatMap(({ topic, partitions }) => partitions.map((partition) => ({ topic, partition }))),
    );
  }

  private async stay(): Promise<Departure> {
    for (;;) {
      await delay(this.heartbeatMs, this.leaving.signal);
      if (this.isLeaving) return 'leaving';
      const departure = await this.beat();
      if (departure !== undefined) return departure;
    }
  }

  /** Undefined: still a member, as far as one can tell. */
  private async beat(): Promise<Departure | undefined> {
    try {
      await this.heartbeat();
      this.contactAt = performance.now();
      return undefined;
    } catch (error) {
      const code = protocolCodeOf(error);
      if (code === REBALANCE_IN_PROGRESS) return 'rebalance';
      if (code === FENCED_INSTANCE_ID) throw error;
      if (code === ILLEGAL_GENERATION || code === UNKNOWN_MEMBER_ID) return 'lost';
      // No coordinator for the moment. The membership outlives that for as long as the session.
      if (performance.now() - this.contactAt >= this.options.sessionTimeoutMs) return 'lost';
      await this.findCoordinator();
      return undefined;
    }
  }

  /** Rejects at the end of the session at the latest: the group goes on then, whatever the request still waits for. */
  private async heartbeat(): Promise<void> {
    const answered = new AbortController();
    const leftMs = Math.max(0, this.contactAt + this.options.sessionTimeoutMs - performance.now());
    const late = delay(leftMs, answered.signal).then(() => {
      throw new Error('no answer to a heartbeat within the session');
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

  /** The broker counts a heartbeat as a sign of life also while it asks to join. */
  private async settle(): Promise<void> {
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

function createConsumerGroup(kafka: Kafka, cluster: Cluster, options: MembershipOptions): ConsumerGroup {
  const { groupId, topics, sessionTimeoutMs, rebalanceTimeoutMs } = options;
  const Group = loadFromKafkajs('kafkajs/src/consumer/consumerGroup.js') as new (options: object) => ConsumerGroup;
  const { roundRobin } = loadFromKafkajs('kafkajs/src/consumer/assigners/index.js') as {
    roundRobin: (parts: object) => object;
  };
  const logger = loggerOf(kafka);
  return new Group({
    logger,
    retry: { initialRetryTime: 100, maxRetryTime: 1_000, retries: 3 },
    cluster,
    groupId,
    topics,
    topicConfigurations: Object.fromEntries(topics.map((topic) => [topic, { fromBeginning: true }])),
    instrumentationEmitter: { emit: () => undefined },
    assigners: [roundRobin({ groupId, logger, cluster })],
    sessionTimeout: sessionTimeoutMs,
    rebalanceTimeout: rebalanceTimeoutMs,
    autoCommit: false,
    isolationLevel: 1,
    rackId: '',
  });
}
