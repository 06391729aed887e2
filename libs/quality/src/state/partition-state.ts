import { StateUnreadableError } from '../errors';
import { type Accounting, copyOf, emptyAccounting } from './accounting';
import type { WindowLimits } from './bounded';
import { EVENT_LIMITS, EventMemory, EVENTS_PREFIX } from './event-memory';
import { LIFECYCLE_PREFIX, ORDER_LIMITS, type OrderLimits, OrderMemory } from './order-memory';
import {
  REGISTRATION_LIMITS,
  REGISTRATION_PREFIX,
  type RegistrationLimits,
  RegistrationMemory,
} from './registration-memory';
import { decodeStateRecord } from './state-record';
import { decodeSummary, type LogMark, SUMMARY_KEY } from './state-summary';

/** Bounds of a partition's state. */
export interface StateLimits extends OrderLimits {
  readonly events: WindowLimits;
  readonly registrations: RegistrationLimits;
}

/** In milliseconds. */
export type EffectiveWindows = Readonly<
  Record<'eventsMs' | 'orderKeysMs' | 'lifecyclesMs', number> & { registrationsMs?: number }
>;

/**
 * Sized for 24 partitions in one process below 512 MB. An order with its key, event id and registration takes about
 * 630 bytes.
 */
export const DEFAULT_STATE_LIMITS: StateLimits = {
  events: EVENT_LIMITS,
  ...ORDER_LIMITS,
  registrations: REGISTRATION_LIMITS,
};

/**
 * What one input partition remembers, as committed: three memories and the accounting. Only a restore and the fold of
 * a `StateOverlay` change it.
 *
 * The state topic holds all of it: the records of the memories, and a summary of the rest.
 */
export class PartitionState {
  readonly events: EventMemory;
  readonly orders: OrderMemory;
  readonly registrations: RegistrationMemory;
  accounting: Accounting = emptyAccounting();
  /** Next offset of the input after the last folded batch. Undefined: there was none. */
  nextOffset: number | undefined;
  /**
   * The latest append time of the evaluated records that no wrong clock has stamped, and of what is missing:
   * `missedUntilMs` is not after it.
   */
  lastAppendMs = 0;
  log: LogMark | undefined;
  /** See `StateView`. */
  missedUntilMs: number | undefined;
  /** Totals of the summary, for the end of a restore. */
  private readonly restored = { nextEvent: 0, events: 0, orderKeys: 0 };
  /** By key: records that cannot be read and that no later record has replaced. */
  private readonly unreadable = new Map<string, StateUnreadableError>();

  constructor(limits: StateLimits = DEFAULT_STATE_LIMITS) {
    this.events = new EventMemory(limits.events);
    this.orders = new OrderMemory(limits);
    this.registrations = new RegistrationMemory(limits.registrations);
  }

  /**
   * Restores one record of the state topic, in the order of the log. A null value is a tombstone. A record that cannot
   * be read is an error only if no later record has its key, because compaction may keep a replaced record for long.
   * `finishRestore` reports it.
   */
  restoreRecord(key: Buffer, value: Buffer | null): void {
    const name = key.toString();
    this.unreadable.delete(name);
    try {
      this.restore(name, key, value);
    } catch (error) {
      if (!(error instanceof StateUnreadableError)) throw error;
      this.unreadable.set(name, error);
    }
  }

  private restore(name: string, key: Buffer, value: Buffer | null): void {
    if (name.startsWith(LIFECYCLE_PREFIX)) this.orders.restoreRecord(key, value);
    else if (name.startsWith(REGISTRATION_PREFIX)) this.registrations.restoreRecord(key, value);
    else if (name.startsWith(EVENTS_PREFIX)) this.events.restoreRecord(name, value);
    else if (value === null) return;
    else if (name === SUMMARY_KEY) this.restoreSummary(value.toString());
    else {
      decodeStateRecord(name, value.toString(), () => {
        throw new TypeError('its kind is unknown');
      });
    }
  }

  private restoreSummary(value: string): void {
    const summary = decodeSummary(value);
    this.accounting = copyOf(summary.accounting);
    this.nextOffset = summary.nextOffset;
    this.lastAppendMs = summary.lastAppendMs;
    this.log = summary.log;
    this.missedUntilMs = summary.missedUntilMs;
    this.orders.forgottenPlacedUntilMs = summary.forgottenPlacedUntilMs;
    this.orders.open.leftAtMs = summary.openOrdersLeftAtMs;
    this.orders.closed.leftAtMs = summary.closedOrdersLeftAtMs;
    this.orders.keys.leftAtMs = summary.orderKeysLeftAtMs;
    this.events.identities.leftAtMs = summary.eventsLeftAtMs;
    this.registrations.leftAtMs = summary.registrationsLeftAtMs;
    this.registrations.forgottenRegisteredUntilMs = summary.forgottenRegisteredUntilMs;
    this.restored.nextEvent = summary.nextEvent;
    this.restored.events = summary.rememberedEvents;
    this.restored.orderKeys = summary.rememberedOrderKeys;
  }

  /**
   * Ends a restore. Call it once, after the last record.
   * @throws StateUnreadableError for the first record that cannot be read.
   */
  finishRestore(): void {
    for (const error of this.unreadable.values()) throw error;
    this.events.finishRestore(this.restored.nextEvent, this.restored.events);
    this.orders.finishRestore(this.restored.orderKeys);
  }

  /**
   * How far back each memory is complete at the last record's append time. Registrations have no window: theirs is
   * there once some have left.
   */
  effectiveWindows(): EffectiveWindows {
    const nowMs = this.lastAppendMs;
    return {
      eventsMs: this.events.identities.effectiveWindowMs(nowMs),
      orderKeysMs: this.orders.keys.effectiveWindowMs(nowMs),
      lifecyclesMs: this.orders.effectiveWindowMs(nowMs),
      ...(this.registrations.leftAtMs !== undefined && {
        registrationsMs: this.registrations.effectiveWindowMs(nowMs),
      }),
    };
  }

  sizes(): Readonly<Record<'events' | 'orderKeys' | 'orders' | 'registrations', number>> {
    return {
      events: this.events.identities.size,
      orderKeys: this.orders.keys.entries.size,
      orders: this.orders.size,
      registrations: this.registrations.entries.size,
    };
  }
}
