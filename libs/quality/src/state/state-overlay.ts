import type { Verdict } from '../verdict';
import { type Accounting, copyOf, count, countPassedOver } from './accounting';
import { EventMemoryOverlay } from './event-memory';
import { type OrderLifecycle, OrderMemoryOverlay } from './order-memory';
import type { PartitionState } from './partition-state';
import { type Registration, RegistrationMemoryOverlay } from './registration-memory';
import type { StateRecord } from './state-record';
import { encodeSummary, type LogMark, SUMMARY_KEY } from './state-summary';
import type { StateChange, StateView } from './state-view';

const MAX_AHEAD_OF_CLOCK_MS = 5 * 60_000;

/**
 * What an append time counts as for windows and horizons, in milliseconds since the epoch. One that is more than 5 minutes
 * ahead of the clock is of a broker whose clock is wrong, and counts as now: otherwise one such record would empty every
 * memory, or put all that follows behind a horizon.
 */
export const countedAppendMs = (appendMs: number, clockMs: number): number =>
  appendMs - clockMs > MAX_AHEAD_OF_CLOCK_MS ? clockMs : appendMs;

/**
 * The changes of an open batch on top of a partition's committed state. Later records of the batch see them; the state
 * stays unchanged until `fold`. To discard the changes, drop the overlay. Use one overlay per state at a time.
 */
export class StateOverlay implements StateView {
  readonly accounting: Accounting;
  nowMs: number;
  log: LogMark | undefined;
  missedUntilMs: number | undefined;
  private lastAppendMs: number;
  private readonly events: EventMemoryOverlay;
  private readonly orders: OrderMemoryOverlay;
  private readonly registrations: RegistrationMemoryOverlay;

  constructor(private readonly base: PartitionState) {
    this.accounting = copyOf(base.accounting);
    this.lastAppendMs = base.lastAppendMs;
    this.nowMs = base.lastAppendMs;
    this.log = base.log;
    this.missedUntilMs = base.missedUntilMs;
    this.events = new EventMemoryOverlay(base.events);
    this.orders = new OrderMemoryOverlay(base.orders);
    this.registrations = new RegistrationMemoryOverlay(base.registrations);
  }

  hasEvent(identity: string): boolean {
    return this.events.has(identity);
  }

  hasOrderKey(orderKey: string): boolean {
    return this.orders.hasKey(orderKey);
  }

  order(orderId: string): OrderLifecycle | undefined {
    return this.orders.get(orderId);
  }

  registration(customerId: string): Registration | undefined {
    return this.registrations.get(customerId);
  }

  get forgottenPlacedUntilMs(): number | undefined {
    return this.orders.forgottenPlacedUntilMs;
  }

  get forgottenRegisteredUntilMs(): number | undefined {
    return this.registrations.forgottenRegisteredUntilMs;
  }

  /**
   * Records behind those that are remembered are missing, up to this append time. Any order may have been placed among
   * them, any customer may have ordered first, and any order that is remembered may have gone on: what they can explain is
   * flagged from here on, neither rejected nor repaired, and no memory is complete before their time.
   *
   * @param maxAheadMs how far an event may occur after its append time
   */
  missUntil(appendMs: number, maxAheadMs: number): void {
    const until = Math.max(appendMs, this.lastAppendMs);
    this.lastAppendMs = until;
    this.missedUntilMs = Math.max(this.missedUntilMs ?? until, until);
    this.orders.forgetPlacedUntil(until + maxAheadMs);
    this.registrations.forgetRegisteredUntil(until + maxAheadMs);
    this.orders.missUntil(until);
    for (const memory of [this.events, this.registrations]) memory.raiseLeftAt(until);
  }

  /**
   * Removes what is remembered of customers by their id. Orders are remembered by their own ids, and remain.
   * Call it on an overlay without other changes.
   * @returns how many entries were removed
   */
  forgetCustomers(isMeant: (customerId: string) => boolean): number {
    return this.registrations.forgetCustomers(isMeant);
  }

  /** Orders that were placed up to this time may be missing from here on. */
  forgetPlacedUntil(ms: number): void {
    this.orders.forgetPlacedUntil(ms);
  }

  /**
   * Removes what has expired at a record's append time. Call it before the record is evaluated.
   *
   * @param clockMs the loop's clock. An append time that is too far ahead of it moves no window, and what is accepted
   * counts as appended now: see `countedAppendMs`.
   */
  advanceTo(appendMs: number, clockMs: number): void {
    this.nowMs = countedAppendMs(appendMs, clockMs);
    if (this.nowMs > this.lastAppendMs) this.lastAppendMs = this.nowMs;
    this.events.expire(this.lastAppendMs);
    this.orders.expire(this.lastAppendMs);
  }

  /** Counts a record's final verdict, applies its changes, and evicts what exceeds the bounds. */
  settle(verdict: Verdict, changes: readonly StateChange[]): void {
    count(this.accounting, verdict);
    for (const change of changes) this.apply(change);
    this.events.makeRoom();
    this.orders.makeRoom();
    this.registrations.makeRoom();
  }

  /** Counts records of the input that an operator's command leaves out. */
  passOver(records: number): void {
    countPassedOver(this.accounting, records);
  }

  /** The state topic's records of this batch, the summary last. `nextOffset` is that of the input after this batch. */
  *stateRecords(nextOffset: number): Generator<StateRecord> {
    yield* this.entryRecords();
    yield this.summaryRecord(nextOffset);
  }

  /** As `stateRecords`, without the summary. */
  *entryRecords(): Generator<StateRecord> {
    yield* this.events.records();
    yield* this.orders.records();
    yield* this.registrations.records();
  }

  summaryRecord(nextOffset: number): StateRecord {
    const { accounting, lastAppendMs, log, missedUntilMs } = this;
    const summary = {
      accounting,
      nextOffset,
      lastAppendMs,
      log,
      missedUntilMs,
      ...this.orders.summary(),
      ...this.events.summary(),
      ...this.registrations.summary(),
    };
    return { key: SUMMARY_KEY, value: encodeSummary(summary) };
  }

  /** Applies the changes to the state. Call it once, when the batch is known to be committed. */
  fold(nextOffset: number): void {
    this.events.fold();
    this.orders.fold();
    this.registrations.fold();
    this.base.accounting = this.accounting;
    this.base.nextOffset = nextOffset;
    this.base.lastAppendMs = this.lastAppendMs;
    this.base.log = this.log;
    this.base.missedUntilMs = this.missedUntilMs;
  }

  private apply(change: StateChange): void {
    switch (change.kind) {
      case 'event':
        this.events.add(change.identity, this.nowMs);
        return;
      case 'registration':
        this.registrations.learn(change.customerId, change.registeredAt, this.nowMs);
        return;
      case 'order':
        this.orders.put(change.orderId, change.lifecycle);
    }
  }
}
