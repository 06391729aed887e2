import fc from 'fast-check';
import { dueBy, MIN_TICK_MS, type Segment, segmentTimes, timeOf } from './schedule';

const NOW = Date.parse('2026-03-01T10:00:00Z');
const BOUNDS = { nominalRate: 50, maxPastMs: 48 * 3_600_000 };
const segmentOf = (rate: number, events: number, notBefore = 0): Segment => ({
  firstSeq: 100,
  defectRate: 0,
  ...segmentTimes({ rate, events }, BOUNDS, NOW, notBefore),
});

describe('the schedule', () => {
  it('makes an event due when its time has come, neither earlier nor later', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100_000, noNaN: true }),
        fc.nat(2_000_000),
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        fc.integer({ min: -10_000, max: 7 * 86_400_000 }),
        (rate, events, lastMs, laterMs) => {
          const segment = segmentOf(rate, events, NOW + lastMs);
          const now = NOW + laterMs;
          const due = dueBy(segment, now);
          expect(segment.startMs).toBeGreaterThanOrEqual(NOW + lastMs);
          if (due > 0) expect(timeOf(segment, segment.firstSeq + due - 1)).toBeLessThanOrEqual(now);
          // Times are whole milliseconds, and sums of fractions are exact to less than one.
          expect(timeOf(segment, segment.firstSeq + due)).toBeGreaterThanOrEqual(now - 1);
        },
      ),
    );
  });

  it('begins an unthrottled run of N events N ticks ago, so that all of them are due at once', () => {
    const segment = segmentOf(0, 20_000);
    expect(NOW - segment.startMs).toBe(400_000);
    expect(segment.tickMs).toBe(20);
    expect(dueBy(segment, NOW)).toBeGreaterThanOrEqual(20_000);
  });

  it('shortens the tick of a run that would begin before maxPastMs', () => {
    const segment = segmentOf(0, 50_000_000);
    expect(NOW - segment.startMs).toBe(BOUNDS.maxPastMs);
    expect(timeOf(segment, segment.firstSeq + 49_999_999)).toBeLessThanOrEqual(NOW);
    expect(dueBy(segment, NOW)).toBeGreaterThanOrEqual(50_000_000);
  });

  it('begins after the last event where an unthrottled run would begin before it', () => {
    const segment = segmentOf(0, 20_000, NOW - 1_000);
    expect(segment.startMs).toBe(NOW - 1_000);
    expect(timeOf(segment, segment.firstSeq + 19_999)).toBeLessThanOrEqual(NOW);
  });

  it('follows the wall clock at a given rate', () => {
    const segment = segmentOf(200, 0);
    expect(segment).toMatchObject({ startMs: NOW, tickMs: 5 });
    expect(dueBy(segment, NOW + 1_000)).toBe(201);
  });

  it('follows the wall clock with the shortest tick in an endless unthrottled run', () => {
    expect(segmentOf(0, 0)).toMatchObject({ startMs: NOW, tickMs: MIN_TICK_MS });
  });
});
