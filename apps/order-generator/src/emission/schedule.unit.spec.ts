import { liveRate, MAX_RATE, pastPace, rateWithin } from './schedule';

const NOW = Date.parse('2026-03-02T10:00:00Z');
const BOUNDS = { nominalRate: 50, maxPastMs: 48 * 3_600_000 };

describe('the pace of a run in the past', () => {
  it('is the nominal rate, and begins early enough for all events', () => {
    const { startMs, eventsPerSecond } = pastPace(20_000, BOUNDS, NOW, 0);
    expect(eventsPerSecond).toBe(50);
    expect(NOW - startMs).toBeGreaterThan(400_000);
    expect(NOW - startMs).toBeLessThan(700_000);
  });

  it.each([
    ['since an earlier segment', 20_000, NOW - 60_000],
    ['within the limit of the past', 100_000_000, 0],
    ['that is none', 1_000, NOW + 5_000],
  ])('is a higher rate if the time is too short: %s', (_, events, notBeforeMs) => {
    const { startMs, eventsPerSecond } = pastPace(events, BOUNDS, NOW, notBeforeMs);
    expect(startMs).toBeGreaterThanOrEqual(Math.min(NOW, notBeforeMs));
    expect(startMs).toBeGreaterThanOrEqual(NOW - BOUNDS.maxPastMs);
    expect(startMs).toBeLessThanOrEqual(NOW);
    expect(eventsPerSecond).toBeGreaterThan(50);
    expect(eventsPerSecond).toBeLessThanOrEqual(MAX_RATE);
    if (eventsPerSecond < MAX_RATE) expect((NOW - startMs) * eventsPerSecond).toBeGreaterThan(events * 1_000);
  });

  it('has at least the nominal rate in any time', () => {
    expect(rateWithin(10, BOUNDS, 3_600_000)).toBe(50);
    expect(rateWithin(1_000_000, BOUNDS, 0)).toBe(MAX_RATE);
  });
});

it('an unthrottled run without an end has the highest rate', () => {
  expect([liveRate(0), liveRate(20)]).toEqual([MAX_RATE, 20]);
});
