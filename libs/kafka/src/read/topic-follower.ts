import { type Kafka } from 'kafkajs';
import { Backoff } from '../backoff';
import { type KafkaLogger } from '../client/kafka-settings';
import { settledWithin } from '../delay';
import { ReadTimeoutError } from '../errors';
import { type RecordBatch } from '../record';
import { partitionName } from '../topic-partition';
import { FetchLoop } from './fetch-loop';
import { type Fetched, LogClient, type Wanted } from './log-client';

export interface TopicFollowerOptions {
  readonly topic: string;
  /** Called with one batch at a time per partition, in order. If it throws, the follower stops: see `failed`. */
  readonly onBatch: (batch: RecordBatch) => void | Promise<void>;
  /** Called when a fetch of the partition was answered, also without records: while a broker is away it is not. */
  readonly onAnswer?: (partition: number) => void;
  /** How long a fetch waits for the first record. Default 100. */
  readonly maxWaitMs?: number;
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
 * Reads every partition of a topic from its beginning and follows it, without a consumer group: each instance gets all
 * committed records.
 *
 * Failure semantics: it commits nothing; after a restart it reads from the beginning again. It retries without end when a
 * broker is lost or a leader moves, which shows only as an offset that does not advance. It stops, and sets `failed`, when
 * no retry helps: a batch cannot be decoded, the log no longer holds the next offset, or `onBatch` throws.
 */
export class TopicFollower {
  private readonly client: LogClient;
  private readonly loop: FetchLoop;
  /** Next offset to pass to `onBatch`, by partition. */
  private readonly offsets: number[] = [];
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
        deliver: (fetched) => {
          options.onAnswer?.(fetched.partition);
          void this.take(fetched);
        },
        lost: (_, error) => {
          this.fail(error);
        },
      },
      { ...BOUNDS, maxWaitMs: options.maxWaitMs ?? BOUNDS.maxWaitMs },
      logger,
    );
  }

  /** The error that stopped the follower; undefined while it follows. */
  get failed(): Error | undefined {
    return this.failure;
  }

  /** Begins to read. Retries until the brokers respond, or until stop(). */
  async start(): Promise<void> {
    const { topic } = this.options;
    const beginnings = await this.retrying(async () => {
      await this.client.connect([topic]);
      const partitions = this.client.partitions(topic);
      if (partitions.length === 0) throw new Error(`The topic ${topic} has no partitions`);
      return this.client.edges(topic, 'beginning', partitions);
    });
    for (const [partition, offset] of beginnings) this.offsets[partition] = offset;
    this.loop.wake();
  }

  /** Resolves when every partition is read up to the end that it had at the call. */
  async waitUntilCaughtUp(): Promise<void> {
    const { topic } = this.options;
    const ends = await this.retrying(async () => {
      await this.client.refresh();
      return this.client.edges(topic, 'end', [...this.offsets.keys()]);
    });
    await Promise.all(Array.from(ends, ([partition, end]) => this.when(partition, end)));
  }

  /** The next offset of the partition: `onBatch` is done with every record below it. */
  nextOffset(partition: number): number {
    return this.offsets[partition] ?? 0;
  }

  /**
   * Resolves when the next offset of the partition is `offset` or higher.
   *
   * @throws ReadTimeoutError after `timeoutMs`; the error that stopped the follower
   */
  async waitForOffset(partition: number, offset: number, timeoutMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        const name = partitionName({ topic: this.options.topic, partition });
        const reached = `offset ${this.nextOffset(partition).toString()} instead of ${offset.toString()}`;
        reject(
          new ReadTimeoutError(
            `Following ${name} reached ${reached} within ${timeoutMs.toString()} ms. Check that its leader is running.`,
          ),
        );
      }, timeoutMs);
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
    this.endWaiting(new Error(`The follower of ${this.options.topic} was stopped`));
    await this.loop.stop();
    await settledWithin(DISCONNECT_TIMEOUT_MS, this.client.disconnect());
  }

  private wanted(): Wanted[] {
    if (this.failure !== undefined || this.stopping.signal.aborted) return [];
    const { topic } = this.options;
    return [...this.offsets.entries()]
      .filter(([partition]) => !this.busy.has(partition))
      .map(([partition, offset]) => ({ topic, partition, offset }));
  }

  private async take({ topic, partition, offset, records, nextOffset }: Fetched): Promise<void> {
    if (this.busy.has(partition) || offset !== this.offsets[partition] || nextOffset <= offset) return;
    this.busy.add(partition);
    try {
      if (records.length > 0) {
        await this.options.onBatch({ topic, partition, records, nextOffset });
      }
      this.offsets[partition] = nextOffset;
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
    if (this.nextOffset(partition) >= offset) return Promise.resolve();
    return new Promise((resolve, reject) => this.waiters.add({ partition, offset, resolve, reject }));
  }

  private fail(error: Error): void {
    this.failure ??= error;
    this.options.logger?.error({ err: error, topic: this.options.topic }, 'the follower of the topic stopped');
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
        this.options.logger?.warn({ err: error, topic: this.options.topic }, 'reading the topic failed; it is retried');
        await backoff.wait(this.stopping.signal);
      }
    }
  }
}
