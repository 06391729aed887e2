import { CLOSED_STATES, isOrderState, type OrderState } from '../lifecycle';
import { evictions, type WindowLimits } from './bounded';
import { BoundedMap, BoundedMapOverlay, type Entry } from './bounded-map';
import { decodeStateRecord, STATE_VERSION, type StateRecord } from './state-record';

/** What is remembered of one accepted order. Times are in milliseconds since the epoch. */
export interface OrderLifecycle {
  readonly state: OrderState;
  /** Append time of its last event. */
  readonly updatedAtMs: number;
  /** order_placed_at, limited by `placedAtOf`. */
  readonly placedAtMs: number;
  /** Append time of its order.placed. */
  readonly appendedAtMs: number;
  /** See `orderKeyOf`. */
  readonly orderKey: string;
  /** Whether all its events are known: false if some may be missing, or it was forgotten and then placed again. */
  readonly certain: boolean;
}

export interface OrderLimits {
  readonly orderKeys: WindowLimits;
  /** The window starts at the order's last event. Closed orders leave first if there are too many. */
  readonly lifecycles: WindowLimits;
}

const HOUR_MS = 3_600_000;

/** Default bounds of the memory of orders. */
export const ORDER_LIMITS: OrderLimits = {
  orderKeys: { windowMs: 24 * HOUR_MS, maxEntries: 40_000 },
  lifecycles: { windowMs: 90 * 24 * HOUR_MS, maxEntries: 40_000 },
};

export const LIFECYCLE_PREFIX = 'lifecycle/';

/**
 * Remembers orders, as committed.
 *
 * - What: the lifecycle of each accepted order by order_id, and the append time of each order by order key. A key
 *   leaves with its order.
 * - How much: `limits`, by default `ORDER_LIMITS`. Closed orders leave before open ones, the oldest first.
 * - How it is written: one record per order, `lifecycle/<order_id>`, deleted when the order leaves. Order keys have no
 *   records of their own: a lifecycle contains its key, and the summary holds how many keys are remembered.
 */
export class OrderMemory {
  /** Append time of the order by order key. */
  readonly keys: BoundedMap<number>;
  readonly open: BoundedMap<OrderLifecycle>;
  readonly closed: BoundedMap<OrderLifecycle>;
  /** See `StateView`. */
  forgottenPlacedUntilMs: number | undefined;

  constructor(limits: OrderLimits) {
    this.keys = new BoundedMap(limits.orderKeys, (appendedAtMs) => appendedAtMs);
    this.open = new BoundedMap(limits.lifecycles, updatedAt);
    this.closed = new BoundedMap(limits.lifecycles, updatedAt);
  }

  get(orderId: string): OrderLifecycle | undefined {
    return this.open.entries.get(orderId) ?? this.closed.entries.get(orderId);
  }

  get size(): number {
    return this.open.entries.size + this.closed.entries.size;
  }

  /** How far back the lifecycles are complete at the append time `nowMs`. */
  effectiveWindowMs(nowMs: number): number {
    return Math.min(this.open.effectiveWindowMs(nowMs), this.closed.effectiveWindowMs(nowMs));
  }

  /** @throws StateUnreadableError if the value cannot be read. */
  restoreRecord(key: Buffer, value: Buffer | null): void {
    // A copy: a slice of the key's text would retain the whole text for as long as the order is remembered.
    const orderId = key.toString('utf8', LIFECYCLE_PREFIX.length);
    this.open.entries.delete(orderId);
    this.closed.entries.delete(orderId);
    if (value === null) return;
    const lifecycle = decodeLifecycle(key.toString(), value.toString());
    (CLOSED_STATES.has(lifecycle.state) ? this.closed : this.open).entries.set(orderId, lifecycle);
  }

  /**
   * Ends a restore: derives the order keys from the lifecycles. Keys leave as the oldest or with their order, so the
   * remembered ones are the newest keys of the remembered orders.
   */
  finishRestore(rememberedKeys: number): void {
    const orders = [...this.open.entries.values(), ...this.closed.entries.values()];
    orders.sort((a, b) => b.appendedAtMs - a.appendedAtMs);
    const newestFirst = new Map<string, number>();
    for (const { orderKey, appendedAtMs } of orders) {
      if (newestFirst.size >= rememberedKeys) break;
      if (!newestFirst.has(orderKey)) newestFirst.set(orderKey, appendedAtMs);
    }
    for (const [orderKey, appendedAtMs] of [...newestFirst].reverse()) this.keys.entries.set(orderKey, appendedAtMs);
    this.keys.trim();
  }
}

const updatedAt = ({ updatedAtMs }: OrderLifecycle): number => updatedAtMs;

/** The changes of an open batch on top of an `OrderMemory`, which stays unchanged until `fold`. */
export class OrderMemoryOverlay {
  forgottenPlacedUntilMs: number | undefined;
  private readonly keys: BoundedMapOverlay<number>;
  private readonly open: BoundedMapOverlay<OrderLifecycle>;
  private readonly closed: BoundedMapOverlay<OrderLifecycle>;

  constructor(private readonly base: OrderMemory) {
    this.forgottenPlacedUntilMs = base.forgottenPlacedUntilMs;
    this.keys = new BoundedMapOverlay(base.keys);
    this.open = new BoundedMapOverlay(base.open);
    this.closed = new BoundedMapOverlay(base.closed);
  }

  hasKey(orderKey: string): boolean {
    return this.keys.has(orderKey);
  }

  get(orderId: string): OrderLifecycle | undefined {
    return this.open.get(orderId) ?? this.closed.get(orderId);
  }

  put(orderId: string, lifecycle: OrderLifecycle): void {
    const isClosed = CLOSED_STATES.has(lifecycle.state);
    (isClosed ? this.open : this.closed).delete(orderId);
    (isClosed ? this.closed : this.open).put(orderId, lifecycle);
    if (lifecycle.state === 'placed') this.keys.put(lifecycle.orderKey, lifecycle.appendedAtMs);
  }

  /** Orders that were placed up to this time may be missing. */
  forgetPlacedUntil(ms: number): void {
    this.forgottenPlacedUntilMs = Math.max(this.forgottenPlacedUntilMs ?? ms, ms);
  }

  /** No memory of orders is complete before this append time. */
  missUntil(appendMs: number): void {
    for (const memory of [this.keys, this.open]) memory.raiseLeftAt(appendMs);
  }

  /** Removes the keys and orders whose window has ended at the append time `nowMs`. */
  expire(nowMs: number): void {
    while (this.keys.expire(nowMs) !== undefined);
    for (const orders of [this.open, this.closed]) {
      for (let expired = orders.expire(nowMs); expired !== undefined; expired = orders.expire(nowMs))
        this.forget(expired);
    }
  }

  makeRoom(): void {
    const { keys, open, closed, base } = this;
    for (let left = evictions(keys.size, base.keys.limits); left > 0; left--) keys.crowdOut();
    for (let left = evictions(open.size + closed.size, base.open.limits); left > 0; left--) {
      const evicted = closed.crowdOut() ?? open.crowdOut();
      if (evicted !== undefined) this.forget(evicted);
    }
  }

  /** The state records of this batch, in the order of the last update: a restore reads the newest last. */
  *records(): Generator<StateRecord> {
    const orders = new Map<string, OrderLifecycle | null>();
    // An order that was closed is deleted in one map and set in the other: its current lifecycle counts.
    for (const changed of [this.open.changed(), this.closed.changed()]) {
      for (const [orderId] of changed) orders.set(orderId, this.get(orderId) ?? null);
    }
    const byUpdate = [...orders].sort(([, a], [, b]) => (a?.updatedAtMs ?? 0) - (b?.updatedAtMs ?? 0));
    for (const [orderId, order] of byUpdate) {
      yield { key: LIFECYCLE_PREFIX + orderId, value: order === null ? null : encodeLifecycle(order) };
    }
  }

  summary() {
    return {
      forgottenPlacedUntilMs: this.forgottenPlacedUntilMs,
      openOrdersLeftAtMs: this.open.leftAt(),
      closedOrdersLeftAtMs: this.closed.leftAt(),
      orderKeysLeftAtMs: this.keys.leftAt(),
      rememberedOrderKeys: this.keys.size,
    };
  }

  /** Applies the changes to the base. The overlay must not be used afterwards. */
  fold(): void {
    this.keys.fold();
    this.open.fold();
    this.closed.fold();
    this.base.forgottenPlacedUntilMs = this.forgottenPlacedUntilMs;
  }

  /** An order left and takes its key along. If the key's window has not ended, the keys' effective window shortens. */
  private forget({ value }: Entry<OrderLifecycle>): void {
    this.keys.forget(value.orderKey);
    this.forgetPlacedUntil(value.placedAtMs);
  }
}

/** Hot: runs once per accepted order event. No value contains a character that JSON escapes. */
const encodeLifecycle = (order: OrderLifecycle): string =>
  `{"v":${STATE_VERSION.toString()},"state":"${order.state}","updatedAtMs":${order.updatedAtMs.toString()},` +
  `"placedAtMs":${order.placedAtMs.toString()},"appendedAtMs":${order.appendedAtMs.toString()},` +
  `"orderKey":"${order.orderKey}","certain":${order.certain.toString()}}`;

const decodeLifecycle = (key: string, value: string): OrderLifecycle =>
  decodeStateRecord(key, value, (fields) => {
    const state = fields.text('state');
    if (!isOrderState(state)) throw new TypeError(`${state} is not the state of an order`);
    return {
      state,
      updatedAtMs: fields.number('updatedAtMs'),
      placedAtMs: fields.number('placedAtMs'),
      appendedAtMs: fields.number('appendedAtMs'),
      orderKey: fields.text('orderKey'),
      certain: fields.truth('certain'),
    };
  });
