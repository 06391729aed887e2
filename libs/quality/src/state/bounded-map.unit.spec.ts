import * as fc from 'fast-check';
import { BoundedMap, BoundedMapOverlay } from './bounded-map';

describe('BoundedMapOverlay', () => {
  /** The reference implementation is an array, oldest first. */
  it('agrees with a plain list, and leaves its base unchanged until fold', () => {
    const operation = fc.record({
      kind: fc.constantFrom('put', 'put', 'delete', 'forget', 'crowdOut', 'expire', 'fold', 'drop'),
      key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60, size: 'max' }), (operations) => {
        const base = new BoundedMap<number>({ windowMs: 5, maxEntries: 100 }, (at) => at);
        let overlay = new BoundedMapOverlay(base);
        let list: [string, number][] = [];
        let committed: [string, number][] = [];
        let crowdedOutAt: number | undefined;
        let committedCrowdedOutAt: number | undefined;
        const crowdedOut = (entry: [string, number] | undefined): void => {
          if (entry !== undefined) crowdedOutAt = Math.max(crowdedOutAt ?? -1, entry[1]);
        };
        operations.forEach(({ kind, key }, now) => {
          const others = list.filter(([name]) => name !== key);
          if (kind === 'put') {
            overlay.put(key, now);
            list = [...others, [key, now]];
          } else if (kind === 'delete') {
            overlay.delete(key);
            list = others;
          } else if (kind === 'forget') {
            overlay.forget(key);
            crowdedOut(list.find(([name]) => name === key));
            list = others;
          } else if (kind === 'crowdOut') {
            crowdedOut(list[0]);
            expect(overlay.crowdOut()?.key).toBe(list[0]?.[0]);
            list = list.slice(1);
          } else if (kind === 'expire') {
            const old = list.filter(([, at]) => at < now - 5).length;
            let expired = 0;
            while (overlay.expire(now) !== undefined) expired++;
            expect(expired).toBe(old);
            list = list.slice(old);
          } else {
            if (kind === 'fold') {
              overlay.fold();
              committed = list;
              committedCrowdedOutAt = crowdedOutAt;
            }
            list = committed;
            crowdedOutAt = committedCrowdedOutAt;
            overlay = new BoundedMapOverlay(base);
          }
          expect([...base.entries]).toEqual(committed);
          expect(base.crowdedOutAtMs).toBe(committedCrowdedOutAt);
          expect(overlay.crowdedOutAt()).toBe(crowdedOutAt);
          expect(overlay.size).toBe(list.length);
          expect(overlay.oldest()).toEqual(list[0] && { key: list[0][0], value: list[0][1] });
          for (const name of ['a', 'b', 'c', 'd', 'e']) {
            expect(overlay.get(name)).toBe(list.find(([known]) => known === name)?.[1]);
          }
        });
      }),
      { numRuns: 100 },
    );
  });
});
