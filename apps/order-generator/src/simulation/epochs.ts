/** How the virtual clock ticks and how much goes wrong, from one event of the sequence on. Recorded: content depends on it. */
export interface Epoch {
  readonly firstSeq: number;
  /** Virtual time of the first event, milliseconds since 1970. */
  readonly startMs: number;
  /** Virtual time from one event to the next, milliseconds; may be a fraction. */
  readonly tickMs: number;
  /** Share of records that are bad on purpose, 0 to 1. */
  readonly defectRate: number;
  /**
   * Events from here to `firstSeq` were intended but not acknowledged: they may have arrived or not. What they touched
   * is never spoken of again.
   */
  readonly doubtFrom?: number;
}

/** The shortest tick: 100,000 events a second. What must not fall into one millisecond is kept `SAME_INSTANT_TICKS` apart. */
export const MIN_TICK_MS = 0.01;
const MAX_TICK_MS = 3_600_000;
/** Two events that are this many apart in the sequence never carry the same time. */
export const SAME_INSTANT_TICKS = 2 / MIN_TICK_MS;

export const timeOf = (epoch: Epoch, seq: number): number =>
  Math.floor(epoch.startMs + (seq - epoch.firstSeq) * epoch.tickMs);

/** How many events of the epoch are due at this time: the first one is due at `startMs`. */
export const dueBy = (epoch: Epoch, nowMs: number): number =>
  nowMs < epoch.startMs ? 0 : Math.floor((nowMs - epoch.startMs) / epoch.tickMs) + 1;

const tickOf = (rate: number): number => Math.min(Math.max(1000 / rate, MIN_TICK_MS), MAX_TICK_MS);

export interface Pace {
  /** Events per second; 0 is as fast as it goes. */
  readonly rate: number;
  /** Events that will follow; 0 is endless. */
  readonly events: number;
}

export interface PaceBounds {
  /** Events per second of virtual time when a bounded run is unthrottled: it tells the past at this rate. */
  readonly nominalRate: number;
  /** How far into the past such a run may begin, milliseconds. */
  readonly maxPastMs: number;
}

/**
 * Start and tick of an epoch that begins at `nowMs`. A paced run follows the wall clock. An unthrottled run of N events
 * begins N ticks ago, so that it ends now; an endless one ticks as fast as can be and follows the wall clock.
 *
 * @param notBefore time of the last event that was told: the clock never runs backwards
 */
export function epochTimes(
  pace: Pace,
  bounds: PaceBounds,
  nowMs: number,
  notBefore: number,
): Pick<Epoch, 'startMs' | 'tickMs'> {
  if (pace.rate > 0) return { startMs: Math.max(nowMs, notBefore), tickMs: tickOf(pace.rate) };
  if (pace.events === 0) return { startMs: Math.max(nowMs, notBefore), tickMs: MIN_TICK_MS };
  const wantedMs = Math.min((pace.events * 1000) / bounds.nominalRate, bounds.maxPastMs);
  const startMs = Math.max(nowMs - wantedMs, notBefore);
  return { startMs, tickMs: Math.max((nowMs - startMs) / pace.events, MIN_TICK_MS) };
}
