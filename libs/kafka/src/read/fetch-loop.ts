import { Backoff } from '../backoff';
import { type KafkaLogger } from '../client/kafka-settings';
import { protocolCodeOf } from '../client/kafkajs-internals';
import { partitionName, type TopicPartition } from '../topic-partition';
import { type FetchBounds, type Fetched, type FetchFailed, type LogClient, type Wanted } from './log-client';
import { permanentErrorOf } from './permanent-error';

/** What a fetch loop reads, and where it delivers to. */
export interface FetchSource {
  /** The partitions to read now, each with its offset. Called before each fetch. */
  wanted(): readonly Wanted[];
  deliver(fetched: Fetched): void;
  /** The partition cannot be read from this offset, and no retry helps. `wanted` must not return it again. */
  lost(failed: Wanted, error: Error): void;
}

/** A partition that gets no records because its fetches fail or are not answered. */
export interface UnreadPartition extends TopicPartition {
  readonly sinceMs: number;
  readonly error: string;
}

/** What is fetched by one request. */
interface FetchGroup {
  readonly leader: number;
  readonly wants: Wanted[];
}

interface Failing {
  readonly since: number;
  readonly error: string;
}

const LEADERLESS = -1;
/** Longest wait between fetches that fail: a broker that is back is noticed soon. */
const MAX_RETRY_MS = 1_000;

/**
 * Runs one fetch at a time to each leader that has partitions to read. A partition that is not wanted, for example because
 * its queue is full, is left out of the next fetch and does not block the others. Partitions whose last fetch failed are
 * fetched apart from the others of their leader: only they back off, and are retried without end. After a failure a broker
 * must answer a request for metadata before the next fetch.
 */
export class FetchLoop {
  /** The groups in flight, each with the time at which its fetch began. */
  private readonly busy = new Map<string, FetchGroup & { readonly since: number }>();
  private readonly failing = new Map<string, Failing>();
  private readonly backoffs = new Map<string, Backoff>();
  private readonly stopping = new AbortController();
  private isConnected = false;
  private isRefreshDue = false;
  private fetches = 0;
  private idle: (() => void) | undefined;

  constructor(
    private readonly client: LogClient,
    private readonly topics: readonly string[],
    private readonly source: FetchSource,
    private readonly bounds: FetchBounds,
    private readonly logger?: KafkaLogger,
  ) {}

  /** Starts the fetches that are due. Call it when a partition becomes wanted. */
  wake(): void {
    if (this.stopping.signal.aborted) return;
    for (const [key, group] of this.groups()) {
      if (this.busy.has(key)) continue;
      this.busy.set(key, { ...group, since: performance.now() });
      void this.fetch(key, group.leader, this.rotated(group.wants)).then(() => {
        this.busy.delete(key);
        if (this.busy.size === 0) this.idle?.();
        this.wake();
      });
    }
  }

  /** The wanted partitions that have got no answer, or only errors, for at least `ms`. */
  unread(ms: number): UnreadPartition[] {
    const now = performance.now();
    const unread = new Map<string, UnreadPartition>();
    const add = (want: Wanted, since: number, error: string): void => {
      const { topic, partition } = want;
      if (now - since >= ms) unread.set(partitionName(want), { topic, partition, sinceMs: now - since, error });
    };
    for (const { leader, wants, since } of this.busy.values()) {
      for (const want of wants) add(want, since, `broker ${leader.toString()} does not answer`);
    }
    for (const want of this.source.wanted()) {
      const failing = this.failing.get(partitionName(want));
      if (failing !== undefined) add(want, failing.since, failing.error);
    }
    return [...unread.values()];
  }

  /** Waits for the running fetches, and discards their results. */
  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.busy.size > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private groups(): Map<string, FetchGroup> {
    const groups = new Map<string, FetchGroup>();
    for (const want of this.source.wanted()) {
      const leader = this.isConnected ? (this.client.leaderOf(want) ?? LEADERLESS) : LEADERLESS;
      const isFailing = this.failing.size > 0 && this.failing.has(partitionName(want));
      const key = `${leader.toString()}${isFailing ? ' failing' : ''}`;
      const group = groups.get(key);
      if (group === undefined) groups.set(key, { leader, wants: [want] });
      else group.wants.push(want);
    }
    return groups;
  }

  /** Starts each fetch with another partition: a broker fills its response in the order of the request. */
  private rotated(wants: Wanted[]): Wanted[] {
    const start = this.fetches++ % wants.length;
    return [...wants.slice(start), ...wants.slice(0, start)];
  }

  private async fetch(key: string, leader: number, wants: readonly Wanted[]): Promise<void> {
    const { signal } = this.stopping;
    const since = performance.now();
    let backoff = this.backoffs.get(key);
    if (backoff === undefined) this.backoffs.set(key, (backoff = new Backoff(50, MAX_RETRY_MS)));
    try {
      await this.refreshIfDue();
      if (leader === LEADERLESS) {
        await this.findLeaders(wants);
        return;
      }
      const failures: FetchFailed[] = [];
      for (const result of await this.client.fetch(leader, wants, this.bounds)) {
        if (signal.aborted) return;
        if (!result.ok) {
          failures.push(result);
          continue;
        }
        this.failing.delete(partitionName(result));
        this.source.deliver(result);
      }
      const retriable = failures.filter((failed) => !this.isLost(failed));
      for (const failed of retriable) this.noteFailing(failed, since, failed.error);
      if (retriable[0] === undefined) backoff.reset();
      else await this.waitToRetry(key, retriable[0].error, backoff);
    } catch (error) {
      if (signal.aborted) return;
      for (const want of wants) this.noteFailing(want, since, error);
      await this.waitToRetry(key, error, backoff);
    }
  }

  private noteFailing(want: Wanted, since: number, error: unknown): void {
    const name = partitionName(want);
    const message = error instanceof Error ? error.message : String(error);
    this.failing.set(name, { since: this.failing.get(name)?.since ?? since, error: message });
  }

  private async waitToRetry(key: string, error: unknown, backoff: Backoff): Promise<void> {
    this.logger?.warn({ err: error, leader: key, topics: this.topics }, 'fetch failed; it is retried');
    this.isRefreshDue = true;
    await backoff.wait(this.stopping.signal);
  }

  /**
   * After a connection was lost, another broker can listen at its address: the metadata say whether it is of this cluster.
   * An error that a broker answers is passed over: a topic that was deleted must not hold back the others.
   */
  private async refreshIfDue(): Promise<void> {
    if (!this.isRefreshDue || !this.isConnected || this.isStopping()) return;
    try {
      await this.client.refresh();
    } catch (error) {
      if (protocolCodeOf(error) === undefined) throw error;
    }
    this.isRefreshDue = false;
  }

  private async findLeaders(wants: readonly Wanted[]): Promise<void> {
    await this.client.connect(this.topics);
    if (this.isConnected) {
      await this.client.refresh();
      const leaderless = wants.filter((want) => this.client.leaderOf(want) === undefined);
      if (leaderless.length > 0) throw new Error(`${leaderless.map(partitionName).join(', ')} has no leader`);
    }
    this.isConnected = true;
  }

  private isLost(failed: FetchFailed): boolean {
    const error = permanentErrorOf(failed);
    if (error !== undefined) {
      this.failing.delete(partitionName(failed));
      this.source.lost(failed, error);
    }
    return error !== undefined;
  }
}
