/** Clock and defect rate of the sequence from one event on. Recorded in the ledger directory, because content depends on it. */
export interface Segment {
  readonly firstSeq: number;
  /** Virtual time of the first event, milliseconds since 1970. */
  readonly startMs: number;
  /** Virtual time between two events, milliseconds; may be a fraction. */
  readonly tickMs: number;
  /** Share of records with a planted defect, 0 to 1. */
  readonly defectRate: number;
  /** The outcome of the events from here to `firstSeq` is unknown. No later event refers to what they changed. */
  readonly unknownFrom?: number;
}

/** The shortest tick: 100,000 events a second. */
export const MIN_TICK_MS = 0.01;
const MAX_TICK_MS = 3_600_000;
/** Two events that are this many ticks apart never have the same time in milliseconds. */
export const SAME_INSTANT_TICKS = 2 / MIN_TICK_MS;

export const timeOf = (segment: Segment, seq: number): number =>
  Math.floor(segment.startMs + (seq - segment.firstSeq) * segment.tickMs);

/** Number of the segment's events that are due at this time. The first one is due at `startMs`. */
export const dueBy = (segment: Segment, nowMs: number): number =>
  nowMs < segment.startMs ? 0 : Math.floor((nowMs - segment.startMs) / segment.tickMs) + 1;

const tickOf = (rate: number): number => Math.min(Math.max(1000 / rate, MIN_TICK_MS), MAX_TICK_MS);

export interface Pace {
  /** Events per second; 0 is unthrottled. */
  readonly rate: number;
  /** Remaining events of the run; 0 is endless. */
  readonly events: number;
}

export interface PaceBounds {
  /** Events per second of virtual time in an unthrottled run of N events, whose times lie in the past. */
  readonly nominalRate: number;
  /** How far in the past such a run may begin, milliseconds. */
  readonly maxPastMs: number;
}

/**
 * Start and tick of a segment that begins at `nowMs`. With a rate it follows the wall clock. An unthrottled run of N
 * events begins N ticks ago and ends now; an endless one has the shortest tick and follows the wall clock.
 *
 * @param notBefore time of the last event: the virtual clock never runs backwards
 */
export function segmentTimes(
  pace: Pace,
  bounds: PaceBounds,
  nowMs: number,
  notBefore: number,
): Pick<Segment, 'startMs' | 'tickMs'> {
  if (pace.rate > 0) return { startMs: Math.max(nowMs, notBefore), tickMs: tickOf(pace.rate) };
  if (pace.events === 0) return { startMs: Math.max(nowMs, notBefore), tickMs: MIN_TICK_MS };
  const wantedMs = Math.min((pace.events * 1000) / bounds.nominalRate, bounds.maxPastMs);
  const startMs = Math.max(nowMs - wantedMs, notBefore);
  return { startMs, tickMs: Math.max((nowMs - startMs) / pace.events, MIN_TICK_MS) };
}
