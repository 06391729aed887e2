import { type Scenario } from '../scenario/schema';

/** A target rate from a time on. */
export interface Rate {
  readonly fromMs: number;
  /** Over all events, on average over the rhythm of the scenario and without its effects. */
  readonly eventsPerSecond: number;
}

/**
 * What defines a sequence of events. Two equal segments have the same events, byte for byte.
 *
 * A later rate may be appended while a cursor runs: it applies from the first cell that starts after it, and the events
 * before stay as they are.
 */
export interface Segment {
  /** Short text, unique among the segments of a journal: it is in the header `simulation-id`, and a part of the ids of additional records. */
  readonly id: string;
  readonly seed: string;
  readonly scenario: Scenario;
  readonly simulationVersion: number;
  /** The catalog is announced at this time, and the first sessions start after it. */
  readonly startMs: number;
  /** By time; the first one from the start or before. */
  readonly rates: readonly Rate[];
  /**
   * Share of the events that are followed by a defective record. Left out: as the scenario says. Given: the rates of the
   * scenario are multiplied, so that they add up to it; a scenario without defects gets every rule at the same rate.
   */
  readonly defectRate?: number | undefined;
}

/** From where a cursor continues. JSON. */
export interface Checkpoint {
  readonly version: 1;
  readonly simulationVersion: number;
  readonly seed: string;
  readonly startMs: number;
  /** Number of the next event. */
  readonly n: number;
  /** Orders so far. */
  readonly orders: number;
  /** The next vendor or product to announce: vendors first, then products from the number of vendors on. */
  readonly announced: number;
  /** Start of the next cell whose sessions are not yet known. */
  readonly nextCellMs: number;
  readonly sources: readonly (readonly number[])[];
  /** The sessions and orders that go on, by the scenario that they began in. The first one is the segment's. */
  readonly open: readonly OpenJourneys[];
}

export interface OpenJourneys {
  readonly scenario: Scenario;
  /**
   * Six numbers for each session: start of its cell and time of the next step relative to `nextCellMs` (in grid steps and
   * microseconds), length of the cell in grid steps, number in the cell, next step, and by how much the step is late.
   */
  readonly steps: readonly number[];
}
