import type { PublishMessage } from './message';

export interface BatchLimits {
  readonly maxBatchMessages: number;
  readonly maxBatchBytes: number;
}

/** Messages that wait to be sent, and the rule for which of them share a request. */
export interface PublishQueue<M extends PublishMessage> {
  readonly size: number;
  add(message: M): void;
  /**
   * The messages of the next request: at least one, and within the limits unless a single message is larger. Undefined
   * when no request may be sent now.
   *
   * @param due the linger time is over: also return a request that is not full
   */
  take(due: boolean): M[] | undefined;
  /** All messages of a request that `take` returned are settled. */
  release(batch: readonly M[]): void;
}

/** Requests in the order of arrival, any number of them in flight. */
export class UnorderedQueue<M extends PublishMessage> implements PublishQueue<M> {
  private readonly waiting = new Waiting<M>();

  constructor(private readonly limits: BatchLimits) {}

  get size(): number {
    return this.waiting.size;
  }

  add(message: M): void {
    this.waiting.add(message);
  }

  take(due: boolean): M[] | undefined {
    const full = this.size >= this.limits.maxBatchMessages || this.waiting.bytes >= this.limits.maxBatchBytes;
    return this.size > 0 && (due || full) ? this.waiting.take(this.limits) : undefined;
  }

  release(): void {
    // Requests are independent of each other.
  }
}

/**
 * A request holds messages of one ordering key: all that wait, up to the limits. A key has one request in flight, so that
 * its messages reach Pub/Sub in order even when a request is retried. Messages without a key are unordered.
 */
export class KeyedQueue<M extends PublishMessage> implements PublishQueue<M> {
  private readonly unkeyed: UnorderedQueue<M>;
  private readonly byKey = new Map<string, Waiting<M>>();
  private readonly busy = new Set<string>();
  /** Keys with waiting messages and no request in flight, in the order in which they became ready. */
  private readonly ready = new Set<string>();
  private keyed = 0;

  constructor(private readonly limits: BatchLimits) {
    this.unkeyed = new UnorderedQueue(limits);
  }

  get size(): number {
    return this.keyed + this.unkeyed.size;
  }

  add(message: M): void {
    const key = message.orderingKey;
    if (key === '') {
      this.unkeyed.add(message);
      return;
    }
    let waiting = this.byKey.get(key);
    if (waiting === undefined) {
      waiting = new Waiting();
      this.byKey.set(key, waiting);
    }
    waiting.add(message);
    this.keyed++;
    if (!this.busy.has(key)) this.ready.add(key);
  }

  take(due: boolean): M[] | undefined {
    const unkeyed = this.unkeyed.take(due);
    if (unkeyed !== undefined) return unkeyed;
    if (!due && this.keyed < this.limits.maxBatchMessages) return undefined;
    for (const key of this.ready) {
      this.ready.delete(key);
      const waiting = this.byKey.get(key);
      if (waiting === undefined) continue;
      this.busy.add(key);
      const batch = waiting.take(this.limits);
      this.keyed -= batch.length;
      if (waiting.size === 0) this.byKey.delete(key);
      return batch;
    }
    return undefined;
  }

  release(batch: readonly M[]): void {
    const key = batch[0]?.orderingKey ?? '';
    if (!this.busy.delete(key)) return;
    if (this.byKey.has(key)) this.ready.add(key);
  }
}

/** Messages in the order of arrival. */
class Waiting<M extends PublishMessage> {
  private messages: M[] = [];
  bytes = 0;

  get size(): number {
    return this.messages.length;
  }

  add(message: M): void {
    this.messages.push(message);
    this.bytes += message.bytes;
  }

  /** Removes the first messages that fit the limits, at least one. */
  take({ maxBatchMessages, maxBatchBytes }: BatchLimits): M[] {
    let count = 0;
    let bytes = 0;
    for (const message of this.messages) {
      if (count > 0 && (count === maxBatchMessages || bytes + message.bytes > maxBatchBytes)) break;
      count++;
      bytes += message.bytes;
    }
    this.bytes -= bytes;
    if (count < this.messages.length) return this.messages.splice(0, count);
    const all = this.messages;
    this.messages = [];
    return all;
  }
}
