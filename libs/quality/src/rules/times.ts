import { timestampMicros } from '@orderstream/contracts';
import type { QualitySettings } from '../settings';
import type { Findings } from './findings';

/**
 * Compares two contract times: negative, 0 or positive. Texts of equal length sort like their times, so most records
 * need no parsing.
 */
export function compareTimes(a: string, b: string): number {
  if (a.length === b.length) return a === b ? 0 : a < b ? -1 : 1;
  return timestampMicros(a) - timestampMicros(b);
}

/** Checks the event's time against its append time. */
export function checkOccurrence(
  occurredMicros: number,
  appendMs: number,
  settings: QualitySettings,
  findings: Findings,
): void {
  const aheadMs = occurredMicros / 1000 - appendMs;
  if (aheadMs > settings.maxAheadMs) findings.fire('time.in_future', 'occurred_at', 'maxAhead');
  else if (-aheadMs > settings.maxLateMs) findings.fire('time.too_late', 'occurred_at', 'maxLate');
}
