import {
  type DeadLetterReason,
  NOT_REPLAYED,
  retriedSource,
  withoutDeadLetterHeaders,
} from '@orderstream/dead-letters';
import { type KafkaRecord, OffsetTracker, type TopicPartition, type RecordBatch } from '@orderstream/kafka';
import {
  HeaderAttributes,
  messageBytes,
  type PublishCall,
  Publisher,
  type PublisherEvents,
  type PublisherOptions,
  type PublishMessage,
} from '@orderstream/pubsub';

import type { BodyCheck } from '../body/body-check';
import { isRetryTopic } from '../bridge-source';
import type { RejectionPolicy } from './rejection-policy';

/**
 * A request that is retried holds the committable offset back while later requests are acknowledged. This bounds the
 * offsets tracked meanwhile, as a multiple of the unacknowledged messages.
 */
const TRACKED_PER_UNACKED = 4;

/** A message and the record it was made from. */
export interface Outgoing extends PublishMessage {
  readonly record: KafkaRecord;
}

export interface RejectedRecord {
  readonly record: KafkaRecord;
  readonly reasons: readonly DeadLetterReason[];
}

/** What all partitions share. */
export interface PartitionBridgeDependencies {
  readonly publish: PublishCall<Outgoing>;
  readonly options: PublisherOptions;
  readonly body: BodyCheck;
  /** Resolves when all in-sync replicas have acknowledged the dead letters. */
  readonly deadLetter: (rejected: readonly RejectedRecord[]) => Promise<void>;
  readonly rejections: Pick<RejectionPolicy, 'accepted' | 'rejected'>;
  readonly observer: PartitionBridgeObserver;
  /** Largest batch that `take` is given, in records. */
  readonly maxBatchRecords: number;
}

/** What was published, or may have been, since the partition was opened. */
interface PublishedRange {
  /** First offset taken. */
  readonly first: number;
  /** All records below are acknowledged. */
  readonly acknowledged: number;
  /** No record from here on was published. */
  readonly taken: number;
}

export interface PartitionBridgeObserver {
  published(records: readonly KafkaRecord[]): void;
  requested(request: { readonly messages: number; readonly bytes: number; readonly seconds: number }): void;
}

/** Requests that fail, and since when (`performance.now()`). */
export interface Failing {
  readonly error: unknown;
  readonly sinceMs: number;
}

/**
 * Publishes the records of one partition to Pub/Sub, from its assignment to its revocation.
 *
 * Failure semantics: at least once. A record is settled when Pub/Sub has acknowledged its message, or Kafka its dead
 * letter. The committable offset never passes a record that is not settled. After a kill, the next owner reads from the
 * committed offset and publishes again what was published since. When Pub/Sub or Kafka fails, this object is closed and a
 * new one starts at the committed offset. When the topic rejects everything, the partition stops, and its records are not
 * dead-lettered.
 */
export class PartitionBridge implements PublisherEvents<Outgoing> {
  private readonly attributes = new HeaderAttributes();
  /** The records are replayed. Their messages have the coordinates and the headers of their source records. */
  private readonly isRetry: boolean;
  private readonly publisher: Publisher<Outgoing>;
  private readonly tracker: OffsetTracker;
  private readonly maxTracked: number;
  private unsettled = 0;
  private firstOffset: number | undefined;
  private nextOffset: number | undefined;
  /** The batches that are not wholly settled, each with the time at which it was taken. */
  private readonly batches: { readonly nextOffset: number; readonly takenMs: number }[] = [];
  private failingRequests: Failing | undefined;

  constructor(
    readonly partition: TopicPartition,
    private readonly dependencies: PartitionBridgeDependencies,
    /** Called when the publisher gives up. Pending and later calls of `take` and `drain` reject as well. */
    readonly failed: (error: Error) => void,
  ) {
    const { publish, options, maxBatchRecords } = dependencies;
    this.isRetry = isRetryTopic(partition.topic);
    this.publisher = new Publisher(publish, options, this);
    this.maxTracked = TRACKED_PER_UNACKED * options.maxUnackedMessages;
    this.tracker = new OffsetTracker(this.maxTracked + maxBatchRecords);
  }

  /** Records taken and not settled. */
  get unacknowledged(): number {
    return this.unsettled;
  }

  /** Undefined until a batch was taken. */
  get published(): PublishedRange | undefined {
    const { firstOffset: first, nextOffset: taken } = this;
    const acknowledged = this.committable();
    if (first === undefined || taken === undefined || acknowledged === undefined) return undefined;
    return { first, acknowledged, taken };
  }

  /** When the oldest record that is not settled was taken (`performance.now()`); undefined when all are. */
  get oldestTakenMs(): number | undefined {
    return this.unsettled === 0 ? undefined : this.batches[0]?.takenMs;
  }

  /** Undefined while Pub/Sub acknowledges requests. */
  get failing(): Failing | undefined {
    return this.failingRequests;
  }

  /** Takes a batch. Resolves when the next one may come; rejects when the partition has to start again. */
  async take(batch: RecordBatch): Promise<void> {
    const rejected: RejectedRecord[] = [];
    const messages: Outgoing[] = [];
    for (const record of batch.records) {
      const message = this.messageOf(record);
      this.tracker.track(record.offset);
      if ('reasons' in message) rejected.push(message);
      else messages.push(message);
    }
    this.unsettled += batch.records.length;
    this.firstOffset ??= batch.records[0]?.offset;
    this.nextOffset = batch.nextOffset;
    this.batches.push({ nextOffset: batch.nextOffset, takenMs: performance.now() });
    this.publisher.publish(messages);
    if (rejected.length > 0) await this.settleAsDeadLetters(rejected);
    await this.publisher.capacity(() => this.tracker.held <= this.maxTracked);
  }

  /** The offset to commit: all records below it are settled. Undefined until a batch was taken. */
  committable(): number | undefined {
    // With nothing unsettled, the offset is also behind transaction markers at the end of the batch.
    return this.unsettled === 0 ? this.nextOffset : this.tracker.committable();
  }

  /** Resolves when all records taken are settled. Rejects when the signal aborts or the publisher fails. */
  async drain(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const aborted = Promise.withResolvers<never>();
    const onAbort = (): void => {
      aborted.reject(signal.reason instanceof Error ? signal.reason : new Error('the drain was aborted'));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      await Promise.race([this.publisher.flush(), aborted.promise]);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  close(): void {
    this.publisher.close();
  }

  acknowledged(messages: readonly Outgoing[]): void {
    this.dependencies.rejections.accepted();
    this.settle(messages);
    this.dependencies.observer.published(messages.map(({ record }) => record));
  }

  async rejected({ record }: Outgoing, error: Error): Promise<void> {
    await this.dependencies.rejections.rejected(this.partition, record.offset, error);
    await this.settleAsDeadLetters([{ record, reasons: [{ code: 'publish.rejected', constraint: error.message }] }]);
  }

  requested(request: { readonly messages: number; readonly bytes: number; readonly seconds: number }): void {
    this.failingRequests = undefined;
    this.dependencies.observer.requested(request);
  }

  retrying(error: unknown): void {
    this.failingRequests = { error, sinceMs: this.failingRequests?.sinceMs ?? performance.now() };
  }

  private messageOf(record: KafkaRecord): Outgoing | RejectedRecord {
    const reasons = this.dependencies.body.problems(record.value);
    if (reasons !== undefined || record.value === null) return { record, reasons: reasons ?? [] };
    const source = this.isRetry ? retriedSource(record, 'pubsub-bridge') : record;
    if (source === undefined) return { record, reasons: [NOT_REPLAYED] };
    const headers = this.isRetry ? withoutDeadLetterHeaders(record.headers) : record.headers;
    const attributes = this.attributes.encode(headers, source);
    if (attributes === undefined) return { record, reasons: [{ code: 'publish.attributes_overflow' }] };
    const orderingKey = this.dependencies.options.ordering === 'key' ? orderingKeyOf(record.key) : '';
    const data = record.value;
    return { record, data, attributes, orderingKey, bytes: messageBytes(data, attributes, orderingKey) };
  }

  private async settleAsDeadLetters(rejected: readonly RejectedRecord[]): Promise<void> {
    await this.dependencies.deadLetter(rejected);
    this.settle(rejected);
  }

  private settle(settled: readonly { readonly record: KafkaRecord }[]): void {
    for (const { record } of settled) this.tracker.settle(record.offset);
    this.unsettled -= settled.length;
    const offset = this.committable() ?? 0;
    while (this.batches[0] !== undefined && this.batches[0].nextOffset <= offset) this.batches.shift();
  }
}

/** An ordering key is text. A key that is not valid UTF-8 is written as hex, so that different keys stay different. */
function orderingKeyOf(key: Buffer | null): string {
  if (key === null) return '';
  const text = key.toString();
  return Buffer.from(text).equals(key) ? text : `hex:${key.toString('hex')}`;
}
