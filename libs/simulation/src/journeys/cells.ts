// Constants: a look-up of `Math` is slow where tests run.
const { ceil, floor } = Math;

/** Cells begin and end on this grid, milliseconds. */
export const GRID_MS = 16;
/**
 * Cells whose start differs by less than this have different fractions of a second for their orders: 4.4 hours. An order
 * is placed at most `LONGEST_VISIT_MS` and one cell after the start of its cell.
 */
const DISTINCT_FRACTIONS = 1_000_000;
const SPREAD = 618_033;
const LONGEST_CELL_MS = 1_024;
const SESSIONS_PER_CELL = 24;

/** A piece of time. Its sessions are drawn together. */
export interface Cell {
  readonly startMs: number;
  readonly lengthMs: number;
}

/** The longest cells that hold few sessions at this rate. A power of two times the grid. */
export function cellLengthMs(sessionsPerSecond: number): number {
  let lengthMs = LONGEST_CELL_MS;
  while (lengthMs > GRID_MS && (sessionsPerSecond * lengthMs) / 1_000 > SESSIONS_PER_CELL) lengthMs /= 2;
  return lengthMs;
}

/** The cell that starts here: it ends at the next multiple of the length. */
export const cellAt = (startMs: number, lengthMs: number): Cell => ({
  startMs,
  lengthMs: (floor(startMs / lengthMs) + 1) * lengthMs - startMs,
});

export const onGrid = (ms: number): number => ceil(ms / GRID_MS) * GRID_MS;

/** Microseconds within the second at which the orders of a cell are placed. */
export const fractionOf = (startMs: number): number =>
  (((startMs / GRID_MS) % DISTINCT_FRACTIONS) * SPREAD) % DISTINCT_FRACTIONS;

/** Microseconds within the millisecond at which the orders of a cell are placed that have no visit before them. */
export const fineFractionOf = (startMs: number): number => (startMs / GRID_MS) % 1_000;

/** The first time at or after `micros` with this remainder. */
export const alignedTo = (micros: number, unit: number, remainder: number): number =>
  ceil((micros - remainder) / unit) * unit + remainder;
