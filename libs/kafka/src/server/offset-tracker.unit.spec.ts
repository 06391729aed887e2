import fc from 'fast-check';
import { OffsetTracker } from '../index';

describe('OffsetTracker', () => {
  it('commits exactly up to the lowest unsettled offset, whatever the order in which offsets are settled', () => {
    const history = fc
      .uniqueArray(fc.nat(5_000), { minLength: 1, maxLength: 200 })
      .map((offsets) => [...offsets].sort((a, b) => a - b))
      .chain((offsets) => fc.tuple(fc.constant(offsets), fc.shuffledSubarray(offsets), fc.nat(offsets.length)));
    fc.assert(
      fc.property(history, ([offsets, settling, trackedFirst]) => {
        const tracker = new OffsetTracker(offsets.length);
        const open = new Set<number>();
        let tracked = 0;
        const track = (upTo: number): void => {
          for (; tracked < upTo; tracked++) {
            const offset = offsets[tracked] ?? 0;
            tracker.track(offset);
            open.add(offset);
          }
        };
        const expectCommittable = (): void => {
          const last = offsets[tracked - 1];
          const expected = open.size > 0 ? Math.min(...open) : last === undefined ? undefined : last + 1;
          expect(tracker.committable()).toBe(expected);
        };
        track(trackedFirst);
        expectCommittable();
        for (const offset of settling) {
          track(offsets.indexOf(offset) + 1);
          tracker.settle(offset);
          open.delete(offset);
          if (offset % 3 === 0) tracker.settle(offset);
          expectCommittable();
        }
      }),
    );
  });

  it('rejects an offset above its bound, an unknown one, and one that does not ascend', () => {
    const tracker = new OffsetTracker(2);
    expect(tracker.committable()).toBeUndefined();
    tracker.track(5);
    tracker.track(9);
    expect(tracker.full).toBe(true);
    expect(() => {
      tracker.track(10);
    }).toThrow(RangeError);
    expect(() => {
      tracker.settle(10);
    }).toThrow(RangeError);
    tracker.settle(9);
    expect(tracker.full).toBe(true);
    tracker.settle(5);
    expect(tracker.held).toBe(0);
    expect(tracker.committable()).toBe(10);
    expect(() => {
      tracker.track(9);
    }).toThrow(RangeError);
  });
});
