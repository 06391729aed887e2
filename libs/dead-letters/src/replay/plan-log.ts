import { REPLAYS_TOPIC } from '@orderstream/contracts';
import { type KafkaRecord, RecordProducer, type RecordBatch, TopicFollower } from '@orderstream/kafka';
import { type Logger } from '@orderstream/observability';
import { type Kafka } from 'kafkajs';
import { Subject } from 'rxjs';
import { type Receipt, type ReceiptOutcome } from './plan';
import { type EventRejection, PlanBook, type PlanEvent } from './plan-events';
import { decodeReplayRecord, encodeReplayRecord, receiptPartition } from './receipts';
import { ReplayUnavailableError } from './replay-errors';

/** Partition of the events of the plans: one, so that they have one order for every console. */
const EVENTS_PARTITION = 0;
const MAX_REQUEST_BYTES = 1_048_576;
const READ_BACK_TIMEOUT_MS = 30_000;
/** Rejections that are remembered until their writer asks for them. */
const MAX_REJECTIONS = 10_000;
const RATE_SECONDS = 10;

/** The receipts of one plan. */
export class Tally {
  readonly counts: Record<ReceiptOutcome, number> = { returned: 0, parked: 0, skipped: 0, rejected: 0 };
  /** Topics to which letters were returned. A plan has a bound for them. */
  readonly targets = new Set<string>();
  /** First and last receipt of each partition, by offset. */
  readonly first: number[] = [];
  readonly last: number[] = [];
  /** Time of the last receipt, in milliseconds. */
  lastMs = -Infinity;
  private readonly seconds = new Map<number, number>();

  add({ outcome, to }: Pick<Receipt, 'outcome' | 'to'>, { partition, offset, timestamp }: KafkaRecord): void {
    this.counts[outcome]++;
    if (outcome === 'returned' && to !== undefined) this.targets.add(to.topic);
    this.first[partition] ??= offset;
    this.last[partition] = offset;
    this.lastMs = Math.max(this.lastMs, timestamp);
    const second = Math.floor(timestamp / 1_000);
    this.seconds.set(second, (this.seconds.get(second) ?? 0) + 1);
    for (const old of this.seconds.keys()) {
      if (this.seconds.size <= RATE_SECONDS) break;
      this.seconds.delete(old);
    }
  }

  /** Receipts per second of the last seconds. */
  rate(nowMs: number): number {
    const now = Math.floor(nowMs / 1_000);
    let count = 0;
    for (const [second, receipts] of this.seconds) if (second >= now - RATE_SECONDS && second < now) count += receipts;
    return count / RATE_SECONDS;
  }
}

/**
 * The record of the plans: their events, and the receipts of their letters.
 *
 * Failure semantics: every console that reads the topic from its beginning has the same plans. An event counts if it fits to the plan
 * as the events before it made it (`PlanBook`), so that of two operators or consoles the first one in the log wins, and an
 * event that was written twice, because its first writing was not answered, counts once. `append` resolves when the event
 * was read back. Killed before, the event is in the log or not; the next console continues from what the log says.
 */
export class PlanLog {
  readonly book = new PlanBook();
  /** Emits the id of a plan whose state or receipts have changed. */
  readonly changed = new Subject<string>();
  private readonly tallies = new Map<string, Tally>();
  private readonly lastEventMs = new Map<string, number>();
  private readonly rejections = new Map<number, EventRejection>();
  private readonly follower: TopicFollower;
  private readonly producer: RecordProducer;

  constructor(
    kafka: Kafka,
    private readonly logger: Logger,
    readonly topic: string = REPLAYS_TOPIC,
  ) {
    this.follower = new TopicFollower(kafka, {
      topic,
      onBatch: (batch) => {
        this.take(batch);
      },
      logger,
    });
    this.producer = new RecordProducer(kafka, { maxRequestBytes: MAX_REQUEST_BYTES });
  }

  async open(): Promise<void> {
    await this.follower.start();
    await this.follower.waitUntilCaughtUp();
  }

  async close(): Promise<void> {
    await this.follower.stop();
    await this.producer.disconnect();
    this.changed.complete();
  }

  /** The error that stopped the reading. Only a restart helps. */
  get failed(): Error | undefined {
    return this.follower.failed;
  }

  tally(plan: string): Tally {
    return this.tallies.get(plan) ?? new Tally();
  }

  /** Since when no event of the plan was read, in milliseconds. */
  silentMs(plan: string): number {
    return performance.now() - (this.lastEventMs.get(plan) ?? -Infinity);
  }

  /** The first receipt of any plan of this dead-letter topic for a partition of it; undefined if there is none. */
  firstReceipt(deadLetters: string, letterPartition: number): number | undefined {
    const partition = receiptPartition(letterPartition);
    let first: number | undefined;
    for (const { created } of this.book.all()) {
      const offset = created.topic === deadLetters ? this.tallies.get(created.plan)?.first[partition] : undefined;
      if (offset !== undefined) first = Math.min(first ?? offset, offset);
    }
    return first;
  }

  /**
   * Writes events, and reads them back.
   * @returns why the last one does not count; undefined if it does
   * @throws ReplayUnavailableError: the events may be in the log, or not
   */
  async append(...events: readonly PlanEvent[]): Promise<EventRejection | undefined> {
    try {
      const records = events.map((event) => encodeReplayRecord(this.topic, EVENTS_PARTITION, event));
      const last = (await this.producer.send(records)).at(-1);
      if (last === undefined) return undefined;
      const offset = last.baseOffset + last.count - 1;
      await this.follower.waitForOffset(EVENTS_PARTITION, offset + 1, READ_BACK_TIMEOUT_MS);
      return this.rejections.get(offset);
    } catch (error) {
      throw new ReplayUnavailableError(error instanceof Error ? error.message : String(error), error);
    }
  }

  /** Resolves when everything that the log held at the call was read. */
  async upToDate(): Promise<void> {
    await this.follower.waitUntilCaughtUp();
  }

  private take({ records }: RecordBatch): void {
    const changed = new Set<string>();
    for (const record of records) {
      const decoded = decodeReplayRecord(record);
      if (decoded === undefined) {
        const { topic, partition, offset } = record;
        this.logger.error({ topic, partition, offset }, 'a record of the replay plans cannot be read; it is ignored');
        continue;
      }
      if (decoded.kind === 'receipt') {
        let tally = this.tallies.get(decoded.plan);
        if (tally === undefined) this.tallies.set(decoded.plan, (tally = new Tally()));
        tally.add(decoded, record);
      } else if (record.partition === EVENTS_PARTITION) {
        this.lastEventMs.set(decoded.plan, performance.now());
        const rejection = this.book.apply(decoded, record.offset);
        if (rejection !== undefined) this.reject(record.offset, rejection);
      }
      changed.add(decoded.plan);
    }
    for (const plan of changed) this.changed.next(plan);
  }

  private reject(offset: number, rejection: EventRejection): void {
    this.rejections.set(offset, rejection);
    for (const oldest of this.rejections.keys()) {
      if (this.rejections.size <= MAX_REJECTIONS) break;
      this.rejections.delete(oldest);
    }
  }
}
