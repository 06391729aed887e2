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
        let leftAt: number | undefined;
        let committedLeftAt: number | undefined;
        const left = (entry: [string, number] | undefined): void => {
          if (entry !== undefined) leftAt = Math.max(leftAt ?? -1, entry[1]);
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
            left(list.find(([name]) => name === key));
            list = others;
          } else if (kind === 'crowdOut') {
            left(list[0]);
            expect(overlay.crowdOut()?.key).toBe(list[0]?.[0]);
            list = list.slice(1);
          } else if (kind === 'expire') {
            const old = list.filter(([, at]) => at < now - 5).length;
            let expired = 0;
            while (overlay.expire(now) !== undefined) expired++;
            expect(expired).toBe(old);
            for (const entry of list.slice(0, old)) left(entry);
            list = list.slice(old);
          } else {
            if (kind === 'fold') {
              overlay.fold();
              committed = list;
              committedLeftAt = leftAt;
            }
            list = committed;
            leftAt = committedLeftAt;
            overlay = new BoundedMapOverlay(base);
          }
          expect([...base.entries]).toEqual(committed);
          expect(base.leftAtMs).toBe(committedLeftAt);
          expect(overlay.leftAt()).toBe(leftAt);
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
