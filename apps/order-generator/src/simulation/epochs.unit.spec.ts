import fc from 'fast-check';
import { dueBy, type Epoch, epochTimes, MIN_TICK_MS, timeOf } from './epochs';

const NOW = Date.parse('2026-03-01T10:00:00Z');
const BOUNDS = { nominalRate: 50, maxPastMs: 48 * 3_600_000 };
const epochOf = (rate: number, events: number, notBefore = 0): Epoch => ({
  firstSeq: 100,
  defectRate: 0,
  ...epochTimes({ rate, events }, BOUNDS, NOW, notBefore),
});

describe('the virtual clock', () => {
  it('never lets an event be due before its own time, nor one early', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 100_000, noNaN: true }),
        fc.nat(2_000_000),
        fc.integer({ min: -86_400_000, max: 86_400_000 }),
        fc.integer({ min: -10_000, max: 7 * 86_400_000 }),
        (rate, events, lastMs, laterMs) => {
          const epoch = epochOf(rate, events, NOW + lastMs);
          const now = NOW + laterMs;
          const due = dueBy(epoch, now);
          expect(epoch.startMs).toBeGreaterThanOrEqual(NOW + lastMs);
          if (due > 0) expect(timeOf(epoch, epoch.firstSeq + due - 1)).toBeLessThanOrEqual(now);
          expect(timeOf(epoch, epoch.firstSeq + due)).toBeGreaterThanOrEqual(Math.min(now, epoch.startMs));
        },
      ),
    );
  });

  it('begins an unthrottled run of N events N ticks ago, so that all of them are due at once', () => {
    const epoch = epochOf(0, 20_000);
    expect(NOW - epoch.startMs).toBe(400_000);
    expect(epoch.tickMs).toBe(20);
    expect(dueBy(epoch, NOW)).toBeGreaterThanOrEqual(20_000);
  });

  it('tells a story that is too long for the past more densely', () => {
    const epoch = epochOf(0, 50_000_000);
    expect(NOW - epoch.startMs).toBe(BOUNDS.maxPastMs);
    expect(timeOf(epoch, epoch.firstSeq + 49_999_999)).toBeLessThanOrEqual(NOW);
  });

  it('goes on after the last event where the past is taken already', () => {
    const epoch = epochOf(0, 20_000, NOW - 1_000);
    expect(epoch.startMs).toBe(NOW - 1_000);
    expect(timeOf(epoch, epoch.firstSeq + 19_999)).toBeLessThanOrEqual(NOW);
  });

  it('follows the wall clock at a given rate', () => {
    const epoch = epochOf(200, 0);
    expect(epoch).toMatchObject({ startMs: NOW, tickMs: 5 });
    expect(dueBy(epoch, NOW + 1_000)).toBe(201);
    expect(epochOf(0, 0).tickMs).toBe(MIN_TICK_MS);
  });
});
