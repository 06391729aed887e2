import { type Kafka } from 'kafkajs';
import { type KafkaLogger } from '../client/kafka-settings';
import { ReadTimeoutError } from '../errors';
import { type RecordBatch } from '../record';
import { Backoff, settledWithin } from './backoff';
import { FetchLoop } from './fetch-loop';
import { type Fetched, LogClient, type Wanted } from './log-client';

export interface TopicFollowerOptions {
  readonly topic: string;
  /** Called one at a time per partition, in order. A throw stops the follower: see `failed`. */
  readonly onBatch: (batch: RecordBatch) => void | Promise<void>;
  readonly logger?: KafkaLogger;
}

interface Waiter {
  readonly partition: number;
  readonly offset: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

const BOUNDS = { maxWaitMs: 100, maxPartitionBytes: 1_048_576, maxBytes: 4 * 1_048_576 };
const DISCONNECT_TIMEOUT_MS = 2_000;

/**
 * Follows every partition of a topic from its beginning, without a group: each instance sees all committed records.
 *
 * Failure semantics: it holds nothing and commits nothing; after a restart it reads from the beginning again. Lost
 * brokers and moved leaders are retried for ever, and show only as a position that does not move. `failed` is what no
 * retry helps: a batch that cannot be decoded, a log cut below the position, or a throw of `onBatch`.
 */
export class TopicFollower {
  private readonly client: LogClient;
  private readonly loop: FetchLoop;
  /** Next offset to be handed over, by partition. */
  private readonly positions: number[] = [];
  private readonly busy = new Set<number>();
  private readonly waiters = new Set<Waiter>();
  private readonly stopping = new AbortController();
  private failure: Error | undefined;

  constructor(
    kafka: Kafka,
    private readonly options: TopicFollowerOptions,
  ) {
    const { topic, logger } = options;
    this.client = new LogClient(kafka, 'committed');
    this.loop = new FetchLoop(
      this.client,
      [topic],
      {
        wanted: () => this.wanted(),
        deliver: (fetched) => void this.take(fetched),
        lost: (_, error) => {
          this.fail(error);
        },
      },
      BOUNDS,
      logger,
    );
  }

  /** The error that stopped it, if one did. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Begins to read. Waits for the brokers for as long as it takes, or until stop(). */
  async start(): Promise<void> {
    const { topic } = this.options;
    const begins = await this.retrying(async () => {
      await this.client.connect([topic]);
      const partitions = this.client.partitions(topic);
      if (partitions.length === 0) throw new Error(`${topic} has no partitions`);
      return this.client.edges(topic, 'beginning', partitions);
    });
    for (const [partition, offset] of begins) this.positions[partition] = offset;
    this.loop.wake();
  }

  /** Resolves when every partition has been read up to the end it had at the call. */
  async caughtUp(): Promise<void> {
    const { topic } = this.options;
    const ends = await this.retrying(async () => {
      await this.client.refresh();
      return this.client.edges(topic, 'end', [...this.positions.keys()]);
    });
    await Promise.all(Array.from(ends, ([partition, end]) => this.when(partition, end)));
  }

  /** Next offset to be read of the partition: everything below was handed over, and `onBatch` is done with it. */
  position(partition: number): number {
    return this.positions[partition] ?? 0;
  }

  /** Resolves when the position is at `offset` or beyond. @throws ReadTimeoutError after `deadlineMs` milliseconds */
  async reached(partition: number, offset: number, deadlineMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const at = this.position(partition).toString();
        reject(
          new ReadTimeoutError(
            `${this.options.topic}/${partition.toString()} is at ${at}, not at ${offset.toString()}, after ${deadlineMs.toString()} ms`,
          ),
        );
      }, deadlineMs);
    });
    const wait = this.when(partition, offset);
    wait.catch(() => undefined);
    try {
      await Promise.race([wait, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.endWaiting(new Error(`the follower of ${this.options.topic} was stopped`));
    await this.loop.stop();
    await settledWithin(DISCONNECT_TIMEOUT_MS, this.client.disconnect());
  }

  private wanted(): Wanted[] {
    if (this.failure !== undefined || this.stopping.signal.aborted) return [];
    const { topic } = this.options;
    return [...this.positions.entries()]
      .filter(([partition]) => !this.busy.has(partition))
      .map(([partition, offset]) => ({ topic, partition, offset }));
  }

  private async take({ topic, partition, offset, records, nextOffset, end }: Fetched): Promise<void> {
    if (this.busy.has(partition) || offset !== this.positions[partition] || nextOffset <= offset) return;
    this.busy.add(partition);
    try {
      if (records.length > 0) {
        await this.options.onBatch({ topic, partition, records, nextOffset, highWatermark: end });
      }
      this.positions[partition] = nextOffset;
      for (const waiter of this.waiters) {
        if (waiter.partition === partition && waiter.offset <= nextOffset) {
          this.waiters.delete(waiter);
          waiter.resolve();
        }
      }
    } catch (error) {
      this.fail(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.busy.delete(partition);
      this.loop.wake();
    }
  }

  private when(partition: number, offset: number): Promise<void> {
    if (this.failure !== undefined) return Promise.reject(this.failure);
    if (this.position(partition) >= offset) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.add({ partition, offset, resolve, reject }));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.options.logger?.error({ err: error, topic: this.options.topic }, 'following the topic failed');
    this.endWaiting(error);
  }

  private endWaiting(error: Error): void {
    for (const waiter of this.waiters) waiter.reject(error);
    this.waiters.clear();
  }

  private async retrying<T>(attempt: () => Promise<T>): Promise<T> {
    const backoff = new Backoff();
    for (;;) {
      this.stopping.signal.throwIfAborted();
      try {
        return await attempt();
      } catch (error) {
        this.options.logger?.warn({ err: error, topic: this.options.topic }, 'the topic cannot be read yet');
        await backoff.wait(this.stopping.signal);
      }
    }
  }
}
