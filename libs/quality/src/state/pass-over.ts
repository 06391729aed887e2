import type { LogMark } from './state-summary';
import type { PartitionState } from './partition-state';
import { StateOverlay } from './state-overlay';
import type { StateRecord } from './state-record';

/** What an operator's command leaves out of the input. */
export interface PassedOver {
  /** Records that count as passed over. */
  readonly records: number;
  /**
   * Append time up to which records are left out, those included that are in no log any more and cannot be counted.
   * Undefined: none is left out.
   */
  readonly untilMs: number | undefined;
  /** The next offset of the input after them. */
  readonly nextOffset: number;
  readonly log: LogMark;
  /** How far an event may occur after its append time. */
  readonly maxAheadMs: number;
}

/** Adapts a state to what was left out, and returns its summary record. See `StateOverlay.missUntil`. */
export function passOver(
  state: PartitionState,
  { records, untilMs, nextOffset, log, maxAheadMs }: PassedOver,
): StateRecord {
  const overlay = new StateOverlay(state);
  overlay.passOver(records);
  overlay.log = log;
  if (untilMs !== undefined) overlay.missUntil(untilMs, maxAheadMs);
  const summary = overlay.summaryRecord(nextOffset);
  overlay.fold(nextOffset);
  return summary;
}
