import type { LogMark } from './state-summary';
import type { PartitionState } from './partition-state';
import { StateOverlay } from './state-overlay';
import type { StateRecord } from './state-record';

/** Records of the input that an operator's command leaves out. */
export interface PassedOver {
  readonly records: number;
  /** The latest append time of them; undefined if none of them is in the log any more. */
  readonly untilMs: number | undefined;
  /** The next offset of the input after them. */
  readonly nextOffset: number;
  readonly log: LogMark;
  /** How far an event may occur after its append time. */
  readonly maxAheadMs: number;
}

/**
 * Adapts a state to records that were left out, and returns its summary record. They count as passed over. Any order may
 * have been placed among them, and any customer may have ordered first: up to their time, what is unknown is flagged,
 * neither rejected nor repaired, and no memory is complete before it.
 */
export function passOver(
  state: PartitionState,
  { records, untilMs, nextOffset, log, maxAheadMs }: PassedOver,
): StateRecord {
  state.accounting.input += records;
  state.accounting.passedOver += records;
  state.nextOffset = nextOffset;
  state.log = log;
  if (records > 0) {
    const { orders, events, registrations } = state;
    state.lastAppendMs = Math.max(state.lastAppendMs, untilMs ?? 0);
    const until = untilMs ?? state.lastAppendMs;
    orders.forgottenPlacedUntilMs = Math.max(orders.forgottenPlacedUntilMs ?? 0, until + maxAheadMs);
    registrations.forgottenRegisteredUntilMs = Math.max(registrations.forgottenRegisteredUntilMs ?? 0, until);
    for (const memory of [orders.open, orders.keys, events.identities, registrations]) {
      memory.leftAtMs = Math.max(memory.leftAtMs ?? 0, until);
    }
  }
  return new StateOverlay(state).summaryRecord(nextOffset);
}
