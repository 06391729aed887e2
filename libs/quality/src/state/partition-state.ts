import { CLOSED_STATES } from '../lifecycle';
import { DEFAULT_STATE_LIMITS, type StateLimits } from '../settings';
import { type Accounting, copyOf, emptyAccounting } from './accounting';
import { BoundedMap } from './bounded-map';
import { StateUnreadableError } from '../errors';
import { decodeStateRecord, LIFECYCLE_PREFIX, REGISTRATION_PREFIX, SUMMARY_KEY } from './state-codec';
import type { OrderLifecycle } from './state-view';

export interface Registration {
  readonly registeredAt: string;
}

/**
 * What one input partition remembers, as committed. Changed only by folding an overlay, and by the restore.
 *
 * Lifecycles, registrations and the summary (accounts, horizon) are written to the state topic. Order keys are part
 * of their order's lifecycle, event ids stand in the validated topic: neither is written twice.
 */
export class PartitionState {
  /** Append time by event identity. */
  readonly events: BoundedMap<number>;
  /** Append time of the order by order key. */
  readonly orderKeys: BoundedMap<number>;
  readonly registrations: BoundedMap<Registration>;
  readonly openOrders: BoundedMap<OrderLifecycle>;
  readonly closedOrders: BoundedMap<OrderLifecycle>;
  forgottenPlacedUntilMs: number | undefined;
  accounting: Accounting = emptyAccounting();
  /** The input's next offset after the last batch whose changes are in here; undefined: there was none. */
  nextOffset: number | undefined;
  /** Append time of the last record that was judged. */
  lastAppendMs = 0;
  /** By key, the records that cannot be read and that nothing has replaced since. */
  private readonly unreadable = new Map<string, StateUnreadableError>();

  constructor(readonly limits: StateLimits = DEFAULT_STATE_LIMITS) {
    const atOnce = (value: number): number => value;
    const byUpdate = (value: OrderLifecycle): number => value.updatedAtMs;
    this.events = new BoundedMap(limits.events, atOnce);
    this.orderKeys = new BoundedMap(limits.orderKeys, atOnce);
    this.registrations = new BoundedMap({ ...limits.registrations, windowMs: Infinity }, () => 0);
    this.openOrders = new BoundedMap(limits.lifecycles, byUpdate);
    this.closedOrders = new BoundedMap(limits.lifecycles, byUpdate);
  }

  order(orderId: string): OrderLifecycle | undefined {
    return this.openOrders.entries.get(orderId) ?? this.closedOrders.entries.get(orderId);
  }

  /**
   * Takes over one record of the state topic, in the order of the log; null is a tombstone. One that is damaged, or of a
   * version that this code does not know, is an error only if no later record of its key takes its place: compaction
   * may leave it in the log long after it was replaced. `finishRestore` tells.
   */
  restoreRecord(key: string, value: string | null): void {
    this.unreadable.delete(key);
    try {
      this.take(key, value);
    } catch (error) {
      if (!(error instanceof StateUnreadableError)) throw error;
      this.unreadable.set(key, error);
    }
  }

  private take(key: string, value: string | null): void {
    if (key.startsWith(LIFECYCLE_PREFIX)) {
      const orderId = key.slice(LIFECYCLE_PREFIX.length);
      this.openOrders.entries.delete(orderId);
      this.closedOrders.entries.delete(orderId);
      if (value === null) return;
      const lifecycle = decodeStateRecord('lifecycle', key, value);
      this.ordersOf(lifecycle).entries.set(orderId, lifecycle);
    } else if (key.startsWith(REGISTRATION_PREFIX)) {
      const customerId = key.slice(REGISTRATION_PREFIX.length);
      this.registrations.entries.delete(customerId);
      if (value === null) return;
      this.registrations.entries.set(customerId, decodeStateRecord('registration', key, value));
    } else if (value === null) {
      // Whatever it was, it is gone.
    } else if (key === SUMMARY_KEY) {
      const summary = decodeStateRecord('summary', key, value);
      this.accounting = copyOf(summary.accounting);
      this.nextOffset = summary.nextOffset;
      this.forgottenPlacedUntilMs = summary.forgottenPlacedUntilMs;
      this.lastAppendMs = summary.lastAppendMs;
      this.openOrders.crowdedOutAtMs = summary.ordersCrowdedOutAtMs;
      this.orderKeys.crowdedOutAtMs = summary.orderKeysCrowdedOutAtMs;
    } else {
      decodeStateRecord('unknown', key, value);
    }
  }

  /** Takes over one accepted event, in the order of the log. */
  restoreEvent(identity: string, appendedAtMs: number): void {
    const { entries, limits } = this.events;
    entries.delete(identity);
    entries.set(identity, appendedAtMs);
    if (entries.size <= limits.maxEntries) return;
    for (const [oldest, atMs] of entries) {
      entries.delete(oldest);
      this.events.crowdedOutAtMs = atMs;
      break;
    }
  }

  /** Older events were accepted than could be read back: the memory of events reaches back to this time only. */
  eventsKnownSince(appendedAtMs: number): void {
    this.events.crowdedOutAtMs = Math.max(this.events.crowdedOutAtMs ?? 0, appendedAtMs);
  }

  /**
   * To be called once after everything was restored.
   * @throws StateUnreadableError for the first record that cannot be read.
   */
  finishRestore(): void {
    for (const error of this.unreadable.values()) throw error;
    const orders = [...this.openOrders.entries.values(), ...this.closedOrders.entries.values()];
    orders.sort((a, b) => a.appendedAtMs - b.appendedAtMs);
    const horizonMs = this.lastAppendMs - this.limits.orderKeys.windowMs;
    const recent = orders.filter((order) => order.appendedAtMs >= horizonMs);
    for (const order of recent.slice(-this.limits.orderKeys.maxEntries)) {
      this.orderKeys.entries.set(order.orderKey, order.appendedAtMs);
    }
  }

  ordersOf(lifecycle: OrderLifecycle): BoundedMap<OrderLifecycle> {
    return CLOSED_STATES.has(lifecycle.state) ? this.closedOrders : this.openOrders;
  }

  /** How far back each memory reaches without a gap, at the last record's append time. */
  effectiveWindows(): Readonly<Record<'eventsMs' | 'orderKeysMs' | 'lifecyclesMs', number>> {
    const now = this.lastAppendMs;
    return {
      eventsMs: this.events.effectiveWindowMs(now),
      orderKeysMs: this.orderKeys.effectiveWindowMs(now),
      lifecyclesMs: Math.min(this.openOrders.effectiveWindowMs(now), this.closedOrders.effectiveWindowMs(now)),
    };
  }

  sizes(): Readonly<Record<'events' | 'orderKeys' | 'orders' | 'registrations', number>> {
    return {
      events: this.events.entries.size,
      orderKeys: this.orderKeys.entries.size,
      orders: this.openOrders.entries.size + this.closedOrders.entries.size,
      registrations: this.registrations.entries.size,
    };
  }
}
