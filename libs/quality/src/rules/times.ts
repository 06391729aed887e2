import { timestampMicros } from '@orderstream/contracts';
import type { QualitySettings } from '../settings';
import { violated } from './constraint';
import type { Findings } from './findings';

/**
 * Compares two contract times: negative, 0 or positive. Texts of equal length sort like their times, so most records
 * need no parsing.
 */
export function compareTimes(a: string, b: string): number {
  if (a.length === b.length) return a === b ? 0 : a < b ? -1 : 1;
  return timestampMicros(a) - timestampMicros(b);
}

/** An event's time, as the time rules see it. */
export interface Occurrence {
  readonly occurredAt: string;
  readonly occurredMicros: number;
  readonly appendMs: number;
}

const seconds = (ms: number): string => `${String(ms / 1000)} s`;

/** Checks the event's time against its append time. */
export function checkOccurrence(
  { occurredMicros, appendMs }: Occurrence,
  { maxAheadMs, maxLateMs, maxAgeMs }: QualitySettings,
  findings: Findings,
): void {
  const aheadMs = occurredMicros / 1000 - appendMs;
  if (aheadMs > maxAheadMs) findings.fire('time.in_future', 'occurred_at', isAhead(maxAheadMs, aheadMs));
  else if (-aheadMs > maxAgeMs) findings.fire('time.too_old', 'occurred_at', isBehind('maxAge', maxAgeMs, -aheadMs));
  else if (-aheadMs > maxLateMs)
    findings.fire('time.too_late', 'occurred_at', isBehind('maxLate', maxLateMs, -aheadMs));
}

/** Checks another time of the body. */
export function checkNotAhead(
  path: string,
  time: string,
  { occurredAt, occurredMicros, appendMs }: Occurrence,
  { maxAheadMs }: QualitySettings,
  findings: Findings,
): void {
  // Most of them are not later than the event, whose time is parsed already.
  if (occurredMicros / 1000 - appendMs <= maxAheadMs && compareTimes(time, occurredAt) <= 0) return;
  const aheadMs = timestampMicros(time) / 1000 - appendMs;
  if (aheadMs > maxAheadMs) findings.fire('time.in_future', path, isAhead(maxAheadMs, aheadMs));
}

const isAhead = (maxMs: number, foundMs: number): string =>
  violated('maxAhead', `at most ${seconds(maxMs)} after the append time`, seconds(foundMs));

const isBehind = (name: string, maxMs: number, foundMs: number): string =>
  violated(name, `at most ${seconds(maxMs)} before the append time`, seconds(foundMs));
