import { type KafkaLogger } from '../client/kafka-settings';
import { Backoff } from './backoff';
import { type FetchBounds, type Fetched, type FetchFailed, type LogClient, type Wanted } from './log-client';
import { fatal } from './read-partition';

/** What a fetch loop reads for. */
export interface FetchSource {
  /** The partitions that may be read now, and from where. Asked before each fetch. */
  wanted(): readonly Wanted[];
  deliver(fetched: Fetched): void;
  /** The partition cannot be read from there, whatever is retried. It should not be wanted again. */
  lost(failed: Wanted, error: Error): void;
}

const LEADERLESS = -1;

/**
 * Keeps one fetch under way to each leader that has something to read. A partition that is not wanted (its queue is
 * full) is left out of the next fetch and holds up none of the others. Failures back off per leader and learn the
 * leaders anew; it never gives up.
 */
export class FetchLoop {
  private readonly busy = new Set<number>();
  private readonly backoffs = new Map<number, Backoff>();
  private readonly stopping = new AbortController();
  private connected = false;
  private turn = 0;
  private idle: (() => void) | undefined;

  constructor(
    private readonly client: LogClient,
    private readonly topics: readonly string[],
    private readonly source: FetchSource,
    private readonly bounds: FetchBounds,
    private readonly logger?: KafkaLogger,
  ) {}

  /** To be called whenever something became wanted. */
  wake(): void {
    if (this.stopping.signal.aborted) return;
    const byLeader = new Map<number, Wanted[]>();
    for (const want of this.source.wanted()) {
      const leader = this.connected ? (this.client.leaderOf(want) ?? LEADERLESS) : LEADERLESS;
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

  /** Waits for the fetches under way; what they bring is not delivered. */
  async stop(): Promise<void> {
    this.stopping.abort();
    if (this.busy.size > 0) await new Promise<void>((resolve) => (this.idle = resolve));
  }

  private isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  /** A broker fills its answer in the order of the request: everybody comes first in turn. */
  private rotated(wants: Wanted[]): Wanted[] {
    const start = this.turn++ % wants.length;
    return [...wants.slice(start), ...wants.slice(0, start)];
  }

  private async fetchFrom(leader: number, wants: readonly Wanted[]): Promise<void> {
    const { signal } = this.stopping;
    let backoff = this.backoffs.get(leader);
    if (backoff === undefined) this.backoffs.set(leader, (backoff = new Backoff()));
    try {
      if (leader === LEADERLESS) {
        await this.connect();
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
      this.logger?.warn({ err: error, leader, topics: this.topics }, 'fetch failed; trying again');
      await backoff.wait(signal);
      if (!this.isStopping()) await this.client.refresh().catch(() => undefined);
    }
  }

  private async connect(): Promise<void> {
    await this.client.connect(this.topics);
    if (this.connected) {
      await this.client.refresh();
      throw new Error('a partition has no leader');
    }
    this.connected = true;
  }

  private isLost(failed: FetchFailed): boolean {
    const error = fatal(failed, `${failed.topic}/${failed.partition.toString()}`);
    if (error !== undefined) this.source.lost(failed, error);
    return error !== undefined;
  }
}
