import { CLOSED_STATES } from '../lifecycle';
import type { Verdict } from '../verdict';
import { type Accounting, copyOf, count } from './accounting';
import { BoundedMapOverlay, type Entry } from './bounded-map';
import { type EventRecordChanges, eventRecordChanges } from './event-records';
import { IdentityWindowOverlay } from './identity-window';
import type { PartitionState, Registration } from './partition-state';
import {
  encodeLifecycle,
  encodeRegistration,
  encodeSummary,
  EVENTS_PREFIX,
  LIFECYCLE_PREFIX,
  REGISTRATION_PREFIX,
  type StateRecord,
  SUMMARY_KEY,
} from './state-codec';
import type { OrderLifecycle, StateChange, StateView } from './state-view';

/**
 * Entries of each kind that leave per record at most, to make room. One is enough as long as the bounds stay; where a
 * restart has narrowed them, the rest leaves over the records that follow, so that no transaction has to delete it all.
 */
const MAX_EVICTIONS = 4;

/** How many of `size` entries leave now. */
const evictions = (size: number, { maxEntries }: { readonly maxEntries: number }): number =>
  Math.min(size - maxEntries, MAX_EVICTIONS);

/**
 * The changes of an open batch on top of a partition's committed state: later records of the batch see them, the state
 * does not have them until `fold`. Dropping an overlay leaves nothing behind.
 *
 * One at a time per state.
 */
export class StateOverlay implements StateView {
  readonly accounting: Accounting;
  forgottenPlacedUntilMs: number | undefined;
  private lastAppendMs: number;
  private readonly events: IdentityWindowOverlay;
  private readonly orderKeys: BoundedMapOverlay<number>;
  private readonly registrations: BoundedMapOverlay<Registration>;
  private readonly openOrders: BoundedMapOverlay<OrderLifecycle>;
  private readonly closedOrders: BoundedMapOverlay<OrderLifecycle>;
  private eventChanges: EventRecordChanges | undefined;

  constructor(private readonly base: PartitionState) {
    this.accounting = copyOf(base.accounting);
    this.forgottenPlacedUntilMs = base.forgottenPlacedUntilMs;
    this.lastAppendMs = base.lastAppendMs;
    this.events = new IdentityWindowOverlay(base.events);
    this.orderKeys = new BoundedMapOverlay(base.orderKeys);
    this.registrations = new BoundedMapOverlay(base.registrations);
    this.openOrders = new BoundedMapOverlay(base.openOrders);
    this.closedOrders = new BoundedMapOverlay(base.closedOrders);
  }

  hasEvent(identity: string): boolean {
    return this.events.has(identity);
  }

  hasOrderKey(orderKey: string): boolean {
    return this.orderKeys.has(orderKey);
  }

  order(orderId: string): OrderLifecycle | undefined {
    return this.openOrders.get(orderId) ?? this.closedOrders.get(orderId);
  }

  registration(customerId: string): string | undefined {
    return this.registrations.get(customerId)?.registeredAt;
  }

  /** Before a record is evaluated: forgets what is too old at its append time. */
  advanceTo(appendMs: number): void {
    if (appendMs > this.lastAppendMs) this.lastAppendMs = appendMs;
    const now = this.lastAppendMs;
    this.events.expire(now);
    while (this.orderKeys.expire(now) !== undefined);
    for (const orders of [this.openOrders, this.closedOrders]) {
      for (let gone = orders.expire(now); gone !== undefined; gone = orders.expire(now)) this.forget(gone);
    }
  }

  /** After a record was evaluated for good: takes over what it leaves behind, and makes room for it. */
  settle(verdict: Verdict, changes: readonly StateChange[], appendMs: number): void {
    count(this.accounting, verdict);
    for (const change of changes) this.apply(change, appendMs);
    this.makeRoom();
  }

  /** The state topic's records of this batch, the summary last. `nextOffset`: the input's after this batch. */
  *stateRecords(nextOffset: number): Generator<StateRecord> {
    yield* this.entryRecords();
    yield {
      key: SUMMARY_KEY,
      value: encodeSummary({
        accounting: this.accounting,
        nextOffset,
        lastAppendMs: this.lastAppendMs,
        forgottenPlacedUntilMs: this.forgottenPlacedUntilMs,
        openOrdersCrowdedOutAtMs: this.openOrders.crowdedOutAt(),
        closedOrdersCrowdedOutAtMs: this.closedOrders.crowdedOutAt(),
        orderKeysCrowdedOutAtMs: this.orderKeys.crowdedOutAt(),
        eventsCrowdedOutAtMs: this.events.crowdedOutAt(),
        nextEvent: this.changesOfEvents().next,
        rememberedEvents: this.events.size,
        rememberedOrderKeys: this.orderKeys.size,
      }),
    };
  }

  /** As `stateRecords`, without the summary. */
  *entryRecords(): Generator<StateRecord> {
    const { written, stale } = this.changesOfEvents();
    for (const first of this.base.eventRecords.firsts.slice(0, stale)) {
      yield { key: EVENTS_PREFIX + first.toString(), value: null };
    }
    yield* written;
    const orders = new Map<string, OrderLifecycle | null>();
    // An order that was closed is deleted in one map and put in the other: what it is now counts.
    for (const changed of [this.openOrders.changed(), this.closedOrders.changed()]) {
      for (const [orderId] of changed) orders.set(orderId, this.order(orderId) ?? null);
    }
    // In the order of the last update: a restore reads them as the newest last.
    const updated = [...orders].sort(([, a], [, b]) => (a?.updatedAtMs ?? 0) - (b?.updatedAtMs ?? 0));
    for (const [orderId, order] of updated) {
      yield { key: LIFECYCLE_PREFIX + orderId, value: order === null ? null : encodeLifecycle(order) };
    }
    for (const [customerId, value] of this.registrations.changed()) {
      yield {
        key: REGISTRATION_PREFIX + customerId,
        value: value === null ? null : encodeRegistration(value.registeredAt),
      };
    }
  }

  /** Makes the changes part of the state. To be called once, when the batch is known to be committed. */
  fold(nextOffset: number): void {
    const { firsts, next, stale } = this.changesOfEvents();
    this.base.eventRecords.firsts.splice(0, stale);
    this.base.eventRecords.firsts.push(...firsts);
    this.base.eventRecords.next = next;
    this.events.fold();
    this.orderKeys.fold();
    this.registrations.fold();
    this.openOrders.fold();
    this.closedOrders.fold();
    this.base.accounting = this.accounting;
    this.base.nextOffset = nextOffset;
    this.base.forgottenPlacedUntilMs = this.forgottenPlacedUntilMs;
    this.base.lastAppendMs = this.lastAppendMs;
  }

  /** To be asked when nothing is settled any more. */
  private changesOfEvents(): EventRecordChanges {
    this.eventChanges ??= eventRecordChanges(this.base.eventRecords, this.events.added(), this.events.size);
    return this.eventChanges;
  }

  private apply(change: StateChange, appendMs: number): void {
    switch (change.kind) {
      case 'event':
        this.events.add(change.identity, appendMs);
        return;
      case 'registration':
        this.registrations.put(change.customerId, { registeredAt: change.registeredAt });
        return;
      case 'order':
        this.applyOrder(change.orderId, change.lifecycle);
    }
  }

  private applyOrder(orderId: string, lifecycle: OrderLifecycle): void {
    const closed = CLOSED_STATES.has(lifecycle.state);
    (closed ? this.openOrders : this.closedOrders).delete(orderId);
    (closed ? this.closedOrders : this.openOrders).put(orderId, lifecycle);
    if (lifecycle.state === 'placed') this.orderKeys.put(lifecycle.orderKey, lifecycle.appendedAtMs);
  }

  private makeRoom(): void {
    const { events, orderKeys, registrations, lifecycles } = this.base.limits;
    for (let left = evictions(this.events.size, events); left > 0; left--) this.events.crowdOut();
    for (let left = evictions(this.orderKeys.size, orderKeys); left > 0; left--) this.orderKeys.crowdOut();
    for (let left = evictions(this.registrations.size, registrations); left > 0; left--) this.registrations.crowdOut();
    const orders = this.openOrders.size + this.closedOrders.size;
    for (let left = evictions(orders, lifecycles); left > 0; left--) {
      const gone = this.closedOrders.crowdOut() ?? this.openOrders.crowdOut();
      if (gone !== undefined) this.forget(gone);
    }
  }

  /** An order leaves, and its key with it: where that is early, the keys do not reach back as far any more. */
  private forget({ value }: Entry<OrderLifecycle>): void {
    this.orderKeys.forget(value.orderKey);
    if (this.forgottenPlacedUntilMs === undefined || value.placedAtMs > this.forgottenPlacedUntilMs) {
      this.forgottenPlacedUntilMs = value.placedAtMs;
    }
  }
}
