import { type DeadLetterReason } from '@orderstream/dead-letters';
import { type KafkaRecord, OffsetTracker, type PartitionRef, type RecordBatch } from '@orderstream/kafka';
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

/** One request that is tried again and again holds the position back while others go on: so far, and no further. */
const HELD_PER_UNACKED = 4;

/** A message and the record it was made of. */
interface Outgoing extends PublishMessage {
  readonly record: KafkaRecord;
}

export interface RejectedRecord {
  readonly record: KafkaRecord;
  readonly reasons: readonly DeadLetterReason[];
}

/** What all partitionBridges share. */
export interface PartitionBridgeDependencies {
  readonly publish: PublishCall;
  readonly options: PublisherOptions;
  readonly body: BodyCheck;
  /** Resolves once the dead letters are acknowledged by all replicas. */
  readonly deadLetter: (rejected: readonly RejectedRecord[]) => Promise<void>;
  readonly observer: PartitionTaskObserver;
  /** Largest batch that `take` is given, in records. */
  readonly maxBatchRecords: number;
}

export interface PartitionTaskObserver {
  published(records: readonly KafkaRecord[]): void;
  requested(request: { readonly messages: number; readonly bytes: number; readonly seconds: number }): void;
}

/**
 * One partition on its way to Pub/Sub, from its assignment until it is let go.
 *
 * Failure semantics: at least once. A record is settled when Pub/Sub has acknowledged its message, or Kafka its dead
 * letter; the position that may be committed never passes a record that is not settled. Killed anywhere, the next owner
 * reads from the committed position: what was published since is published again. A failure of either side ends the
 * partitionBridge, and a new one begins at the committed position.
 */
export class PartitionBridge implements PublisherEvents<Outgoing> {
  private readonly attributes = new HeaderAttributes();
  private readonly publisher: Publisher<Outgoing>;
  private readonly tracker: OffsetTracker;
  private readonly maxHeld: number;
  private unsettled = 0;
  private nextOffset: number | undefined;
  private lastError: { readonly error: unknown; readonly sinceMs: number } | undefined;

  constructor(
    readonly partition: PartitionRef,
    private readonly parts: PartitionBridgeDependencies,
    /** The publisher gave up; `take` and `drain` reject, too. */
    readonly failed: (error: Error) => void,
  ) {
    this.publisher = new Publisher(parts.publish, parts.options, this);
    this.maxHeld = HELD_PER_UNACKED * parts.options.maxUnackedMessages;
    this.tracker = new OffsetTracker(this.maxHeld + parts.maxBatchRecords);
  }

  /** Records that are taken and not settled. */
  get unacknowledged(): number {
    return this.unsettled;
  }

  /** Why nothing moves, and since when (`performance.now()`); undefined while Pub/Sub answers. */
  get trouble(): { readonly error: unknown; readonly sinceMs: number } | undefined {
    return this.lastError;
  }

  /** Takes a batch; resolves when the next one may come. Rejects when the partitionBridge has failed and must begin anew. */
  async take(batch: RecordBatch): Promise<void> {
    const rejected: RejectedRecord[] = [];
    const messages: Outgoing[] = [];
    for (const record of batch.records) {
      const made = this.message(record);
      this.tracker.track(record.offset);
      if ('reasons' in made) rejected.push(made);
      else messages.push(made);
    }
    this.unsettled += batch.records.length;
    this.nextOffset = batch.nextOffset;
    this.publisher.publish(messages);
    if (rejected.length > 0) await this.settleAsDeadLetters(rejected);
    await this.publisher.capacity(() => this.tracker.held <= this.maxHeld);
  }

  /** The offset from which another owner would have to read; undefined while nothing was taken. */
  committable(): number | undefined {
    // With nothing open the position passes over transaction markers at the end of the log too.
    return this.unsettled === 0 ? this.nextOffset : this.tracker.committable();
  }

  /** Resolves when all that was taken is settled, or rejects with the reason of the signal or of a failure. */
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
    this.settle(messages);
    this.parts.observer.published(messages.map(({ record }) => record));
  }

  async rejected({ record }: Outgoing, error: Error): Promise<void> {
    await this.settleAsDeadLetters([{ record, reasons: [{ code: 'publish.rejected', constraint: error.message }] }]);
  }

  requested(request: { readonly messages: number; readonly bytes: number; readonly seconds: number }): void {
    this.lastError = undefined;
    this.parts.observer.requested(request);
  }

  retrying(error: unknown): void {
    this.lastError = { error, sinceMs: this.lastError?.sinceMs ?? performance.now() };
  }

  private message(record: KafkaRecord): Outgoing | RejectedRecord {
    const reasons = this.parts.body.problems(record.value);
    if (reasons !== undefined || record.value === null) return { record, reasons: reasons ?? [] };
    const attributes = this.attributes.encode(record.headers, record);
    if (attributes === undefined) return { record, reasons: [{ code: 'publish.attributes_overflow' }] };
    const orderingKey = this.parts.options.ordering === 'key' ? orderingKeyOf(record.key) : '';
    const data = record.value;
    return { record, data, attributes, orderingKey, bytes: messageBytes(data, attributes, orderingKey) };
  }

  private async settleAsDeadLetters(rejected: readonly RejectedRecord[]): Promise<void> {
    await this.parts.deadLetter(rejected);
    this.settle(rejected);
  }

  private settle(settled: readonly { readonly record: KafkaRecord }[]): void {
    for (const { record } of settled) this.tracker.settle(record.offset);
    this.unsettled -= settled.length;
  }
}

/** An ordering key is text: bytes that are none keep their identity, and so their order, as hex. */
function orderingKeyOf(key: Buffer | null): string {
  if (key === null) return '';
  const text = key.toString();
  return Buffer.from(text).equals(key) ? text : `hex:${key.toString('hex')}`;
}
