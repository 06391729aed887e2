/** The highest rate, in events per second: an unthrottled run without an end has it. */
export const MAX_RATE = 100_000;
const MIN_RATE = 0.001;

export interface PaceBounds {
  /** Events per second of virtual time in an unthrottled run of N events, whose times lie in the past. */
  readonly nominalRate: number;
  /** How far in the past such a run may begin, milliseconds. */
  readonly maxPastMs: number;
}

/** Sessions go on for a while: the first seconds of a segment have fewer events than its rate. */
const RAMP_MS = 120_000;
const SPARE = 1.2;

/** Start and rate of a segment. */
export interface Pace {
  readonly startMs: number;
  readonly eventsPerSecond: number;
}

/** Rate of a run that follows the wall clock. */
export const liveRate = (rate: number): number => (rate === 0 ? MAX_RATE : rate);

/**
 * Start and rate of an unthrottled run of N events: it begins so far in the past that its last event is not in the future.
 * @param notBeforeMs it does not begin before
 */
export function pastPace(events: number, bounds: PaceBounds, nowMs: number, notBeforeMs: number): Pace {
  const wantedMs = Math.min((events * 1000 * SPARE) / bounds.nominalRate + RAMP_MS, bounds.maxPastMs);
  const startMs = Math.min(nowMs, Math.max(nowMs - wantedMs, notBeforeMs));
  return { startMs, eventsPerSecond: rateWithin(events, bounds, nowMs - startMs) };
}

/** The rate at which N events happen in this time: the nominal one, or a higher one if it is too short. */
export function rateWithin(events: number, { nominalRate }: PaceBounds, windowMs: number): number {
  const usableMs = Math.max(windowMs - RAMP_MS / 2, windowMs / 4, 1);
  return Math.min(Math.max(nominalRate, (events * 1000 * SPARE) / usableMs, MIN_RATE), MAX_RATE);
}
