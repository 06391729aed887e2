import { CLOSED_STATES } from '../lifecycle';
import { DEFAULT_STATE_LIMITS, type StateLimits } from '../settings';
import { type Accounting, copyOf, emptyAccounting } from './accounting';
import { BoundedMap } from './bounded-map';
import { StateUnreadableError } from '../errors';
import { EventRecords, EventRestore } from './event-records';
import { IdentityWindow } from './identity-window';
import { decodeStateRecord, EVENTS_PREFIX, LIFECYCLE_PREFIX, REGISTRATION_PREFIX, SUMMARY_KEY } from './state-codec';
import type { OrderLifecycle } from './state-view';

export interface Registration {
  readonly registeredAt: string;
}

/**
 * What one input partition remembers, as committed. Changed only by folding an overlay, and by the restore.
 *
 * All of it is written to the state topic: lifecycles and registrations one by one, event identities by the batch
 * (`EventRecords`), and a summary (accounts, horizon). Order keys are part of their order's lifecycle.
 */
export class PartitionState {
  readonly events: IdentityWindow;
  readonly eventRecords = new EventRecords();
  /** Append time of the order by order key. */
  readonly orderKeys: BoundedMap<number>;
  readonly registrations: BoundedMap<Registration>;
  readonly openOrders: BoundedMap<OrderLifecycle>;
  readonly closedOrders: BoundedMap<OrderLifecycle>;
  forgottenPlacedUntilMs: number | undefined;
  accounting: Accounting = emptyAccounting();
  /** The input's next offset after the last batch whose changes are in here; undefined: there was none. */
  nextOffset: number | undefined;
  /** Append time of the last record that was evaluated. */
  lastAppendMs = 0;
  private readonly eventRestore = new EventRestore();
  /** What the summary says of how much is remembered. */
  private readonly restored = { nextEvent: 0, events: 0, orderKeys: 0 };
  /** By key, the records that cannot be read and that nothing has replaced since. */
  private readonly unreadable = new Map<string, StateUnreadableError>();

  constructor(readonly limits: StateLimits = DEFAULT_STATE_LIMITS) {
    const byUpdate = (value: OrderLifecycle): number => value.updatedAtMs;
    this.events = new IdentityWindow(limits.events);
    this.orderKeys = new BoundedMap(limits.orderKeys, (appendedAtMs) => appendedAtMs);
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
  restoreRecord(key: Buffer, value: Buffer | null): void {
    const name = key.toString();
    this.unreadable.delete(name);
    try {
      this.take(name, key, value);
    } catch (error) {
      if (!(error instanceof StateUnreadableError)) throw error;
      this.unreadable.set(name, error);
    }
  }

  private take(name: string, key: Buffer, value: Buffer | null): void {
    if (name.startsWith(LIFECYCLE_PREFIX)) {
      // Not a slice, which would keep the whole name for as long as the order is remembered.
      const orderId = key.toString('utf8', LIFECYCLE_PREFIX.length);
      this.openOrders.entries.delete(orderId);
      this.closedOrders.entries.delete(orderId);
      if (value === null) return;
      const lifecycle = decodeStateRecord('lifecycle', name, value.toString());
      this.ordersOf(lifecycle).entries.set(orderId, lifecycle);
    } else if (name.startsWith(REGISTRATION_PREFIX)) {
      const customerId = key.toString('utf8', REGISTRATION_PREFIX.length);
      this.registrations.entries.delete(customerId);
      if (value === null) return;
      this.registrations.entries.set(customerId, decodeStateRecord('registration', name, value.toString()));
    } else if (name.startsWith(EVENTS_PREFIX)) {
      this.eventRestore.take(name, value);
    } else if (value === null) {
      // Whatever it was, it is gone.
    } else if (name === SUMMARY_KEY) {
      const summary = decodeStateRecord('summary', name, value.toString());
      this.accounting = copyOf(summary.accounting);
      this.nextOffset = summary.nextOffset;
      this.forgottenPlacedUntilMs = summary.forgottenPlacedUntilMs;
      this.lastAppendMs = summary.lastAppendMs;
      this.openOrders.crowdedOutAtMs = summary.openOrdersCrowdedOutAtMs;
      this.closedOrders.crowdedOutAtMs = summary.closedOrdersCrowdedOutAtMs;
      this.orderKeys.crowdedOutAtMs = summary.orderKeysCrowdedOutAtMs;
      this.events.crowdedOutAtMs = summary.eventsCrowdedOutAtMs;
      this.restored.nextEvent = summary.nextEvent;
      this.restored.events = summary.rememberedEvents;
      this.restored.orderKeys = summary.rememberedOrderKeys;
    } else {
      decodeStateRecord('unknown', name, value.toString());
    }
  }

  /**
   * To be called once after everything was restored.
   * @throws StateUnreadableError for the first record that cannot be read.
   */
  finishRestore(): void {
    for (const error of this.unreadable.values()) throw error;
    const { nextEvent, events } = this.restored;
    this.eventRestore.finish(this.eventRecords, this.events, nextEvent, events);
    this.restoreOrderKeys();
  }

  /** Keys leave as the oldest, or with their order: those that are left are the newest ones of the orders that are left. */
  private restoreOrderKeys(): void {
    const orders = [...this.openOrders.entries.values(), ...this.closedOrders.entries.values()];
    orders.sort((a, b) => b.appendedAtMs - a.appendedAtMs);
    const newestFirst = new Map<string, number>();
    for (const { orderKey, appendedAtMs } of orders) {
      if (newestFirst.size >= this.restored.orderKeys) break;
      if (!newestFirst.has(orderKey)) newestFirst.set(orderKey, appendedAtMs);
    }
    for (const [orderKey, appendedAtMs] of [...newestFirst].reverse())
      this.orderKeys.entries.set(orderKey, appendedAtMs);
    this.orderKeys.trim();
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
      events: this.events.size,
      orderKeys: this.orderKeys.entries.size,
      orders: this.openOrders.entries.size + this.closedOrders.entries.size,
      registrations: this.registrations.entries.size,
    };
  }
}
