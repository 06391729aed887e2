import { Backoff } from '../backoff';
import { type KafkaLogger } from '../client/kafka-settings';
import { type FetchBounds, type Fetched, type FetchFailed, type LogClient, type Wanted } from './log-client';
import { permanentErrorOf } from './permanent-error';
import { partitionName } from '../topic-partition';

/** What a fetch loop reads, and where it delivers to. */
export interface FetchSource {
  /** The partitions to read now, each with its offset. Called before each fetch. */
  wanted(): readonly Wanted[];
  deliver(fetched: Fetched): void;
  /** The partition cannot be read from this offset, and no retry helps. `wanted` must not return it again. */
  lost(failed: Wanted, error: Error): void;
}

const LEADERLESS = -1;

/**
 * Runs one fetch at a time to each leader that has partitions to read. A partition that is not wanted, for example because
 * its queue is full, is left out of the next fetch and does not block the others. After a failure the loop backs off for
 * that leader, refreshes the metadata, and retries without end.
 */
export class FetchLoop {
  private readonly busy = new Set<number>();
  private readonly backoffs = new Map<number, Backoff>();
  private readonly stopping = new AbortController();
  private isConnected = false;
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
    const byLeader = new Map<number, Wanted[]>();
    for (const want of this.source.wanted()) {
      const leader = this.isConnected ? (this.client.leaderOf(want) ?? LEADERLESS) : LEADERLESS;
      const list = byLeader.get(leader);
      if (list === undefined) byLeader.set(leader, [want]);
      else list.push(want);
    }
    for (const [leader, wants] of byLeader) {
      if (this.busy.has(leader)) continue;
      this.busy.add(leader);
      void this.fetchFrom(leader, this.rotated(wants)).then(() => {
        this.busy.delete(leader);
        if (this.busy.size === 0) this.idle?.();
        this.wake();
      });
    }
  }

  /** Waits for the running fetches, and discards their results. */
  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.busy.size > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  /** Starts each fetch with another partition: a broker fills its response in the order of the request. */
  private rotated(wants: Wanted[]): Wanted[] {
    const start = this.fetches++ % wants.length;
    return [...wants.slice(start), ...wants.slice(0, start)];
  }

  private async fetchFrom(leader: number, wants: readonly Wanted[]): Promise<void> {
    const { signal } = this.stopping;
    let backoff = this.backoffs.get(leader);
    if (backoff === undefined) this.backoffs.set(leader, (backoff = new Backoff()));
    try {
      if (leader === LEADERLESS) {
        await this.findLeaders(wants);
        return;
      }
      const failures: FetchFailed[] = [];
      for (const result of await this.client.fetch(leader, wants, this.bounds)) {
        if (signal.aborted) return;
        if (result.ok) this.source.deliver(result);
        else failures.push(result);
      }
      const retriable = failures.filter((failed) => !this.isLost(failed));
      if (retriable[0] !== undefined) throw retriable[0].error;
      backoff.reset();
    } catch (error) {
      if (signal.aborted) return;
      this.logger?.warn({ err: error, leader, topics: this.topics }, 'fetch failed; it is retried');
      await backoff.wait(signal);
      if (!this.isStopping()) await this.client.refresh().catch(() => undefined);
    }
  }

  private async findLeaders(wants: readonly Wanted[]): Promise<void> {
    await this.client.connect(this.topics);
    if (this.isConnected) {
      await this.client.refresh();
      throw new Error(`${wants.map(partitionName).join(', ')} has no leader`);
    }
    this.isConnected = true;
  }

  private isLost(failed: FetchFailed): boolean {
    const error = permanentErrorOf(failed);
    if (error !== undefined) this.source.lost(failed, error);
    return error !== undefined;
  }
}
