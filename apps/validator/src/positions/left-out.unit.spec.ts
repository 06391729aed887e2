import * as fc from 'fast-check';
import { LeftOut } from './left-out';

const NOW_MS = Date.UTC(2026, 2, 1, 12);
const MAX_AHEAD_MS = 5 * 60_000;
const YEAR_MS = 365 * 86_400_000;

/** Each way in which an append time gets here. */
const WAYS: readonly [string, (leftOut: LeftOut, timestamp: number) => void][] = [
  ['a record', (leftOut, timestamp) => leftOut.add({ offset: 7, timestamp })],
  ['a batch that cannot be decoded', (leftOut, timestamp) => leftOut.addUnreadable({ timestamp }, 5)],
  ['a lost tail', (leftOut, timestamp) => leftOut.addLost(timestamp)],
];

describe('what set-position leaves out', () => {
  it.each(
    WAYS.flatMap(([name, add]) =>
      [
        [-YEAR_MS, -YEAR_MS],
        [0, 0],
        [MAX_AHEAD_MS, MAX_AHEAD_MS],
        [MAX_AHEAD_MS + 1, 0],
        [YEAR_MS, 0],
      ].map(([appended = 0, counted = 0]) => [name, appended, counted, add] as const),
    ),
  )('%s that was appended %d ms after now counts as appended %d ms after now', (_, appendedMs, countedMs, add) => {
    const leftOut = new LeftOut(NOW_MS);
    add(leftOut, NOW_MS + appendedMs);
    expect(leftOut.untilMs).toBe(NOW_MS + countedMs);
  });

  it('never reaches further ahead than a right clock may be, in whatever order the append times come', () => {
    const steps = fc.array(fc.tuple(fc.constantFrom(...WAYS), fc.integer({ min: -YEAR_MS, max: YEAR_MS })));
    fc.assert(
      fc.property(steps, (added) => {
        const leftOut = new LeftOut(NOW_MS);
        for (const [[, add], ms] of added) add(leftOut, NOW_MS + ms);
        expect(leftOut.untilMs === undefined).toBe(added.length === 0);
        expect(leftOut.untilMs ?? 0).toBeLessThanOrEqual(NOW_MS + MAX_AHEAD_MS);
        const right = added.map(([, ms]) => ms).filter((ms) => ms <= MAX_AHEAD_MS);
        for (const ms of right) expect(leftOut.untilMs).toBeGreaterThanOrEqual(NOW_MS + ms);
      }),
    );
  });

  it('reaches up to now when nothing says until when records were lost', () => {
    const leftOut = new LeftOut(NOW_MS);
    leftOut.addLost(undefined);
    expect([leftOut.count, leftOut.untilMs]).toEqual([0, NOW_MS]);
  });

  it('counts records and those of batches that cannot be decoded, and knows the last record that can be read', () => {
    const leftOut = new LeftOut(NOW_MS);
    leftOut.addUnreadable({ timestamp: NOW_MS }, 3);
    leftOut.add({ offset: 10, timestamp: NOW_MS + YEAR_MS });
    leftOut.addUnreadable({ timestamp: NOW_MS }, 2);
    expect(leftOut.count).toBe(6);
    // The mark of the log is compared with the log: it keeps the time that the broker has stamped.
    expect(leftOut.last).toEqual({ lastOffset: 10, lastAppendMs: NOW_MS + YEAR_MS });
  });
});
