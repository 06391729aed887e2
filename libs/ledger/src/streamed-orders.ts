import { CE, type OrderPlaced } from '@orderstream/contracts';
import { type JournaledSegment, type SimulatedRecord } from '@orderstream/simulation';
import { cursorOf, readSegments } from './read-journal';

const ORDER_PLACED = 'order.placed';
const DAY_MS = 86_400_000;
const MICROS_PER_MS = 1_000;
/** No scenario emits an order later than 48 hours after it was placed. */
const MAX_LATE_MS = 3 * DAY_MS;
/** Records between two results, so that the caller can see to other things. */
const RECORDS_AT_ONCE = 1_000;

/** A segment that has emitted something of the days. Its seed and scenario are its vendors and products. */
export interface StreamedSegment extends Pick<JournaledSegment, 'id' | 'seed' | 'scenario'> {
  /** Number of its orders among those of the days. */
  readonly orders: number;
}

/** What a journal has of some days. */
export interface StreamedDays {
  /** The days (UTC, `2026-01-31`) of which a segment has emitted something, in order. */
  readonly days: readonly string[];
  /** In the order of their orders. */
  readonly segments: readonly StreamedSegment[];
}

/**
 * The orders of a generator's journal that were placed on some days and that the rules accept or repair, in the order in
 * which they were sent: those that the stream has. Only acknowledged records count. It computes the events of each segment
 * from its beginning, and keeps none of them.
 *
 * @param fromMs start of a day (UTC)
 * @param toMs end of a day
 * @returns the days that it covers; before that, the orders, and undefined every thousand records
 * @throws JournalFormatError; SegmentMismatchError for a segment of another version of the simulation
 */
export function* streamedOrders(
  folder: string,
  fromMs: number,
  toMs: number,
): Generator<OrderPlaced | undefined, StreamedDays> {
  const days = new Set<string>();
  const found = new Map<JournaledSegment, number>();
  for (const segment of segmentsNear(readSegments(folder), fromMs, toMs)) {
    const use = (micros: number): void => {
      if (!found.has(segment)) found.set(segment, 0);
      days.add(new Date(micros / MICROS_PER_MS).toISOString().slice(0, 10));
    };
    const isWithin = (micros: number): boolean => micros >= fromMs * MICROS_PER_MS && micros < toMs * MICROS_PER_MS;
    const cursor = cursorOf(folder, segment);
    for (let number = 0; number < segment.acknowledged; number++) {
      const record = cursor.next();
      if (record === undefined || record.emittedMicros >= (toMs + MAX_LATE_MS) * MICROS_PER_MS) break;
      // The announcement of the catalog alone is no activity of its day.
      if (record.n >= segment.announcements && isWithin(record.emittedMicros)) use(record.emittedMicros);
      const order = orderOf(record);
      const placedMicros = order === undefined ? NaN : Date.parse(order.order_placed_at) * MICROS_PER_MS;
      if (isWithin(placedMicros)) {
        use(placedMicros);
        found.set(segment, (found.get(segment) ?? 0) + 1);
        yield order;
      }
      if (number % RECORDS_AT_ONCE === 0) yield undefined;
    }
  }
  const segments = [...found].map(([{ id, seed, scenario }, orders]): StreamedSegment => ({
    id,
    seed,
    scenario,
    orders,
  }));
  return { days: [...days].sort(), segments };
}

/** Those that may have orders of the range. A segment has ended when the next one begins. */
function segmentsNear(segments: readonly JournaledSegment[], fromMs: number, toMs: number): JournaledSegment[] {
  return segments.filter(({ startMs }, index) => {
    const endMs = segments[index + 1]?.startMs ?? Infinity;
    return startMs < toMs + MAX_LATE_MS && endMs >= fromMs;
  });
}

/** Undefined if it is no order, or one that the rules skip or reject. */
function orderOf({ headers, value, intent }: SimulatedRecord): OrderPlaced | undefined {
  if (String(headers[CE.type]) !== ORDER_PLACED || value === null) return undefined;
  if (intent.expected !== 'accept' && intent.expected !== 'repair') return undefined;
  return JSON.parse(value.toString()) as OrderPlaced;
}
