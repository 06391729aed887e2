import { setTimeout as delay } from 'node:timers/promises';

import type { PublishMessage } from './message';
import { isRejection, PublishFailedError, PublishRejectedError, textOf } from './publish-errors';
import { type BatchLimits, KeyedQueue, type PublishQueue, UnorderedQueue } from './publish-queue';

/** Sends one publish request. Resolves when Pub/Sub has acknowledged it; a rejected request publishes no message. */
export type PublishCall<M extends PublishMessage = PublishMessage> = (
  messages: readonly M[],
  signal: AbortSignal,
) => Promise<void>;

export type Ordering = 'none' | 'key';

export interface PublisherOptions extends BatchLimits {
  /** Full topic name, for error messages. */
  readonly topic: string;
  readonly ordering: Ordering;
  /** How long a message may wait for its request to fill, in milliseconds. */
  readonly lingerMs: number;
  readonly maxConcurrentRequests: number;
  /** `capacity` waits while either bound is reached. */
  readonly maxUnackedMessages: number;
  readonly maxUnackedBytes: number;
  /** How long one request is retried before the publisher fails, in milliseconds. */
  readonly retryTimeoutMs: number;
  readonly backoffMs: { readonly first: number; readonly max: number };
  /** Monotonic clock, in milliseconds. */
  readonly now?: () => number;
  /** Uniform in [0, 1). */
  readonly random?: () => number;
}

/** What the publisher reports to its owner. It reports nothing after `close`. */
export interface PublisherEvents<M> {
  acknowledged(messages: readonly M[]): void;
  /** Pub/Sub rejected this message. The messages of its key wait until the promise resolves. */
  rejected(message: M, error: PublishRejectedError): Promise<void>;
  /** The publisher has stopped. Another publisher must publish all messages that are not settled. */
  failed(error: Error): void;
  /** A request was acknowledged after `seconds`. */
  requested?(request: { readonly messages: number; readonly bytes: number; readonly seconds: number }): void;
  /** A request failed with this error and is sent again. */
  retrying?(error: unknown): void;
}

interface Waiter {
  readonly met: () => boolean;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * Publishes messages in large requests, several in flight, with bounds on unacknowledged messages and bytes.
 *
 * Failure semantics: at least once. A request without an answer is sent again, so its messages may be published twice. A
 * rejected request publishes nothing. It is bisected until the invalid message is alone; the others are published. With
 * ordering by key, a message is sent when every earlier message of its key is settled: acknowledged, or reported as
 * rejected. If the process is killed, unacknowledged messages may be published or not: the owner commits no offset
 * beyond them.
 */
export class Publisher<M extends PublishMessage> {
  private readonly queue: PublishQueue<M>;
  private readonly stop = new AbortController();
  private readonly waiters = new Set<Waiter>();
  private readonly now: () => number;
  private readonly random: () => number;
  private ended: Error | undefined;
  private requests = 0;
  private messages = 0;
  private bytes = 0;
  private due = false;
  private flushes = 0;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly call: PublishCall<M>,
    private readonly options: PublisherOptions,
    private readonly events: PublisherEvents<M>,
  ) {
    this.queue = options.ordering === 'key' ? new KeyedQueue(options) : new UnorderedQueue(options);
    this.now = options.now ?? (() => performance.now());
    this.random = options.random ?? Math.random;
  }

  /** Messages taken and not settled. */
  get unacknowledged(): { readonly messages: number; readonly bytes: number } {
    return { messages: this.messages, bytes: this.bytes };
  }

  /** Takes messages, in order, without waiting. Call `capacity` before the next batch. */
  publish(messages: readonly M[]): void {
    if (this.ended !== undefined) throw this.ended;
    for (const message of messages) {
      this.queue.add(message);
      this.bytes += message.bytes;
    }
    this.messages += messages.length;
    this.pump();
  }

  /**
   * Resolves when another batch may be published; rejects when the publisher failed or was closed.
   *
   * @param ownerHasCapacity a bound of the owner, checked again whenever messages are settled
   */
  capacity(ownerHasCapacity: () => boolean = () => true): Promise<void> {
    const { maxUnackedMessages, maxUnackedBytes } = this.options;
    return this.until(() => this.messages < maxUnackedMessages && this.bytes < maxUnackedBytes && ownerHasCapacity());
  }

  /** Sends waiting messages without lingering. Resolves when all messages are settled. */
  async flush(): Promise<void> {
    this.flushes++;
    try {
      this.pump();
      await this.until(() => this.messages === 0);
    } finally {
      this.flushes--;
    }
  }

  /** Cancels requests in flight. Waiting calls reject, and nothing is reported any more. */
  close(): void {
    this.end(new PublishFailedError(`the publisher of ${this.options.topic} was closed`));
  }

  private until(met: () => boolean): Promise<void> {
    if (this.ended !== undefined) return Promise.reject(this.ended);
    if (met()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.waiters.add({ met, resolve, reject });
    });
  }

  private pump(): void {
    while (this.ended === undefined && this.requests < this.options.maxConcurrentRequests) {
      const batch = this.queue.take(this.due || this.flushes > 0);
      if (batch === undefined) break;
      this.requests++;
      void this.run(batch);
    }
    if (this.queue.size === 0) {
      this.due = false;
      clearTimeout(this.timer);
      this.timer = undefined;
    } else if (!this.due) {
      this.timer ??= setTimeout(() => {
        this.timer = undefined;
        this.due = true;
        this.pump();
      }, this.options.lingerMs);
    }
  }

  private async run(batch: readonly M[]): Promise<void> {
    try {
      await this.publishAll(batch);
      this.requests--;
      this.queue.release(batch);
      this.pump();
    } catch (error) {
      if (this.ended !== undefined) return;
      const cause = error instanceof Error ? error : new PublishFailedError(textOf(error), error);
      this.end(cause);
      this.events.failed(cause);
    }
  }

  /** Publishes the halves of a rejected request one after the other, which keeps their order. */
  private async publishAll(batch: readonly M[]): Promise<void> {
    const rejection = await this.send(batch);
    if (this.ended !== undefined) return;
    const [first] = batch;
    if (rejection === undefined) {
      this.events.acknowledged(batch);
      this.settle(batch);
    } else if (batch.length === 1 && first !== undefined) {
      await this.events.rejected(first, rejection);
      this.settle(batch);
    } else {
      const half = batch.length >>> 1;
      await this.publishAll(batch.slice(0, half));
      await this.publishAll(batch.slice(half));
    }
  }

  private settle(batch: readonly M[]): void {
    this.messages -= batch.length;
    for (const message of batch) this.bytes -= message.bytes;
    for (const waiter of this.waiters) {
      if (!waiter.met()) continue;
      this.waiters.delete(waiter);
      waiter.resolve();
    }
  }

  /** Undefined when published, the error when rejected. Throws after `retryTimeoutMs` and after `close`. */
  private async send(batch: readonly M[]): Promise<PublishRejectedError | undefined> {
    const { signal } = this.stop;
    const { topic, retryTimeoutMs, backoffMs } = this.options;
    const startedAt = this.now();
    for (let attempt = 0; ; attempt++) {
      const sentAt = this.now();
      try {
        signal.throwIfAborted();
        await this.call(batch, signal);
        const bytes = batch.reduce((sum, message) => sum + message.bytes, 0);
        this.events.requested?.({ messages: batch.length, bytes, seconds: (this.now() - sentAt) / 1_000 });
        return undefined;
      } catch (error) {
        if (signal.aborted) throw error;
        if (isRejection(error)) return new PublishRejectedError(topic, error);
        const elapsedMs = this.now() - startedAt;
        if (elapsedMs >= retryTimeoutMs) {
          const seconds = (elapsedMs / 1_000).toFixed(1);
          const message = `a publish request to ${topic} failed for ${seconds} s: ${textOf(error)}`;
          throw new PublishFailedError(message, error);
        }
        this.events.retrying?.(error);
        // Full jitter spreads the retries of publishers that failed at the same time.
        await delay(Math.min(backoffMs.max, backoffMs.first * 2 ** Math.min(attempt, 20)) * this.random(), undefined, {
          signal,
        });
      }
    }
  }

  private end(error: Error): void {
    if (this.ended !== undefined) return;
    this.ended = error;
    clearTimeout(this.timer);
    this.stop.abort();
    for (const waiter of this.waiters) waiter.reject(error);
    this.waiters.clear();
  }
}
