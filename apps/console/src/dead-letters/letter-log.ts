import { setTimeout as delay } from 'node:timers/promises';
import { type AnyLetter, type LetterIndex } from '@orderstream/dead-letters';
import {
  fetchLogBounds,
  type KafkaRecord,
  partitionName,
  readPartition,
  type TopicPartition,
} from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { type Admin, type Kafka } from 'kafkajs';

export interface LetterLogOptions {
  readonly kafka: Kafka;
  /** Topics that the console creates: they must exist. */
  readonly topics: readonly string[];
  /** Topics of other programs: one that does not exist is looked for again. */
  readonly foreignTopics: readonly string[];
  readonly index: LetterIndex;
  /** The dead letter of a record; undefined when the record is none. */
  readonly parse: (record: KafkaRecord) => AnyLetter | undefined;
  readonly refreshMs: number;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
}

/** How far the index is. */
export interface LetterLogState {
  /** Every topic was read to its end, as it was at most `STALE_AFTER_MS` ago. */
  readonly upToDate: boolean;
  /** Records in the dead-letter topics that are not readable as dead letters: left out of every list. */
  readonly unreadable: number;
  /** Why the last round did not read everything. */
  readonly error: string | undefined;
}

interface PartitionRange extends TopicPartition {
  readonly from: number;
  readonly end: number;
}

const STALE_AFTER_MS = 15_000;
/** Partitions that are read at the same time. Each holds a response of 2 MB. */
const CONCURRENCY = 4;

/**
 * Follows the dead-letter topics into the index, from their beginnings, without a consumer group.
 *
 * Failure semantics: it commits nothing and reads committed records only. A restart reads the topics again. While a broker
 * is away, the lists have what was read before, and `upToDate` is false. A partition that cannot be read is tried again in
 * the next round and holds back no other one.
 */
export class LetterLog {
  /** Offset behind what was read, by partition: it can lie behind the last letter. */
  private readonly offsets = new Map<string, number>();
  private readonly stopping = new AbortController();
  private readonly waiting: PromiseWithResolvers<undefined>[] = [];
  private wake = new AbortController();
  private admin: Admin | undefined;
  private running: Promise<void> | undefined;
  private completeAtMs = -Infinity;
  private unreadable = 0;
  private error: string | undefined;

  constructor(private readonly options: LetterLogOptions) {}

  get state(): LetterLogState {
    const upToDate = this.error === undefined && performance.now() - this.completeAtMs < STALE_AFTER_MS;
    return { upToDate, unreadable: this.unreadable, error: this.error };
  }

  /** Whether every topic was read to its end once. */
  get isLoaded(): boolean {
    return this.completeAtMs !== -Infinity;
  }

  /** The first offset that was not read yet. */
  nextOffset(place: TopicPartition): number {
    return this.offsets.get(partitionName(place)) ?? 0;
  }

  start(): void {
    this.running ??= this.run();
  }

  /** Resolves when the index has every letter that the topics held at the call. */
  caughtUp(): Promise<void> {
    if (this.stopping.signal.aborted) return Promise.reject(stopped());
    const waiter = Promise.withResolvers<undefined>();
    this.waiting.push(waiter);
    this.wake.abort();
    return waiter.promise;
  }

  async stop(): Promise<void> {
    this.stopping.abort(stopped());
    this.wake.abort();
    await this.running;
    await this.disconnect();
  }

  private async run(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      this.wake = new AbortController();
      // Those that come later wait for the next round.
      const waiting = this.waiting.splice(0);
      const isComplete = await this.round();
      if (isComplete) for (const { resolve } of waiting) resolve(undefined);
      else this.waiting.push(...waiting);
      // A round that failed is not repeated at once, however many wait.
      const paused = isComplete ? AbortSignal.any([signal, this.wake.signal]) : signal;
      await delay(this.options.refreshMs, undefined, { signal: paused }).catch(() => undefined);
    }
    for (const { reject } of this.waiting.splice(0)) reject(stopped());
  }

  /** Reads what has been added to the topics. Never rejects. @returns whether all of it was read */
  private async round(): Promise<boolean> {
    let failure: unknown;
    try {
      const ranges = await this.ranges();
      const next = ranges.values();
      const work = async (): Promise<void> => {
        for (const range of next) {
          try {
            await this.read(range);
          } catch (error) {
            failure ??= error;
          }
        }
      };
      await Promise.all(Array.from({ length: CONCURRENCY }, work));
    } catch (error) {
      failure = error;
      await this.disconnect();
    }
    if (this.stopping.signal.aborted) return false;
    if (failure === undefined) this.completed();
    else this.failed(failure);
    return failure === undefined;
  }

  private completed(): void {
    if (!this.isLoaded) {
      const { index, logger } = this.options;
      logger.info({ letters: index.count, unreadable: this.unreadable }, 'dead letters read');
    }
    this.error = undefined;
    this.completeAtMs = performance.now();
  }

  private failed(failure: unknown): void {
    const message = failure instanceof Error ? failure.message : String(failure);
    // One line for each reason, not for each round.
    if (message !== this.error) {
      this.options.logger.warn({ err: failure }, 'reading the dead-letter topics failed; it is retried');
    }
    this.error = message;
  }

  /** What is to be read. Forgets what retention has removed. */
  private async ranges(): Promise<PartitionRange[]> {
    const admin = await this.connect();
    const { topics, foreignTopics, index } = this.options;
    const existing = foreignTopics.length === 0 ? [] : await admin.listTopics();
    const ranges: PartitionRange[] = [];
    for (const topic of [...topics, ...foreignTopics.filter((name) => existing.includes(name))]) {
      const { beginnings, ends } = await fetchLogBounds(admin, topic);
      for (const [partition, end] of ends.entries()) {
        const place = { topic, partition };
        if (this.nextOffset(place) > end) this.forget(place);
        const begin = beginnings[partition] ?? 0;
        index.removeBelow(topic, partition, begin);
        const from = Math.max(begin, this.nextOffset(place));
        if (from < end) ranges.push({ ...place, from, end });
      }
    }
    return ranges;
  }

  /** The log ends before what was read: the topic was re-created. */
  private forget(place: TopicPartition): void {
    const name = partitionName(place);
    this.options.logger.warn(
      { ...place },
      `${name} was re-created: its dead letters are read again from the beginning`,
    );
    this.options.index.remove(place.topic, place.partition);
    this.offsets.delete(name);
  }

  private async read({ topic, partition, from, end }: PartitionRange): Promise<void> {
    const { kafka, index, parse } = this.options;
    const name = partitionName({ topic, partition });
    const { nextOffset } = await readPartition(
      kafka,
      {
        ...{ topic, partition, from, until: end },
        signal: this.stopping.signal,
        onUnreadable: (_, unread) => {
          this.unreadable += unread;
        },
      },
      (batch) => {
        for (const record of batch.records) {
          const letter = parse(record);
          if (letter === undefined) this.unreadable++;
          else index.add(letter);
        }
        this.offsets.set(name, batch.nextOffset);
      },
    );
    this.offsets.set(name, nextOffset);
  }

  private async connect(): Promise<Admin> {
    if (this.admin !== undefined) return this.admin;
    const admin = this.options.kafka.admin();
    await admin.connect();
    this.admin = admin;
    return admin;
  }

  private async disconnect(): Promise<void> {
    const { admin } = this;
    this.admin = undefined;
    await admin?.disconnect().catch(() => undefined);
  }
}

const stopped = (): Error => new Error('the console stops');
