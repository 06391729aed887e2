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
 * The changes of an open batch on top of a partition's committed state. Later records of the batch see them; the state
 * stays unchanged until `fold`. To discard the changes, drop the overlay. Use one overlay per state at a time.
 */
export class StateOverlay implements StateView {
  readonly accounting: Accounting;
  nowMs: number;
  log: LogMark | undefined;
  private lastAppendMs: number;
  private readonly events: EventMemoryOverlay;
  private readonly orders: OrderMemoryOverlay;
  private readonly registrations: RegistrationMemoryOverlay;

  constructor(private readonly base: PartitionState) {
    this.accounting = copyOf(base.accounting);
    this.lastAppendMs = base.lastAppendMs;
    this.nowMs = base.lastAppendMs;
    this.log = base.log;
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

  /** Orders that were placed, and customers that registered, up to this time may be missing from here on. */
  forgetUntil(ms: number): void {
    const { orders, registrations } = this;
    orders.forgottenPlacedUntilMs = Math.max(orders.forgottenPlacedUntilMs ?? ms, ms);
    registrations.forgottenRegisteredUntilMs = Math.max(registrations.forgottenRegisteredUntilMs ?? ms, ms);
  }

  /**
   * Removes what has expired at a record's append time. Call it before the record is evaluated.
   *
   * @param clockMs the loop's clock. An append time that is more than 5 minutes ahead of it is of a broker whose clock is
   * wrong: it moves no window, and what is accepted counts as appended now. Otherwise one such record would empty every
   * memory.
   */
  advanceTo(appendMs: number, clockMs: number): void {
    this.nowMs = appendMs - clockMs > MAX_AHEAD_OF_CLOCK_MS ? clockMs : appendMs;
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
    const { accounting, lastAppendMs, log } = this;
    const summary = {
      accounting,
      nextOffset,
      lastAppendMs,
      log,
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
