import * as fc from 'fast-check';
import { EventMemory, EventMemoryOverlay } from './event-memory';
import { digestOf, IdentityWindow } from './identity-window';

describe('EventMemoryOverlay', () => {
  const IDS = 400;

  /** The reference implementation is an array, oldest first. */
  it('agrees with a plain list, and leaves its base unchanged until fold', () => {
    const operation = fc.record({
      kind: fc.constantFrom('add', 'add', 'add', 'addMany', 'crowdOut', 'expire', 'fold', 'fold', 'drop'),
      id: fc.integer({ min: 0, max: IDS - 1 }),
      step: fc.integer({ min: 0, max: 2 }),
    });
    fc.assert(
      fc.property(
        fc.array(operation, { maxLength: 80, size: 'max' }),
        fc.integer({ min: 1, max: 300 }),
        (operations, maxEntries) => {
          const memory = new EventMemory({ windowMs: 20, maxEntries });
          const base = memory.identities;
          let overlay = new EventMemoryOverlay(memory);
          let list: [id: string, at: number][] = [];
          let committed: [id: string, at: number][] = [];
          let leftAt: number | undefined;
          let committedLeftAt: number | undefined;
          let now = 0;
          const add = (id: string): void => {
            overlay.add(id, now);
            if (!list.some(([known]) => known === id)) list.push([id, now]);
          };
          for (const { kind, id, step } of operations) {
            now += step;
            if (kind === 'add') add(String(id));
            else if (kind === 'addMany') for (let index = 0; index < 60; index++) add(String((id + index) % IDS));
            else if (kind === 'crowdOut') {
              overlay.crowdOut();
              const [oldest] = list;
              if (oldest !== undefined) leftAt = Math.max(leftAt ?? -1, oldest[1]);
              list = list.slice(1);
            } else if (kind === 'expire') {
              overlay.expire(now);
              for (const [, at] of list) if (at < now - 20) leftAt = Math.max(leftAt ?? -1, at);
              list = list.filter(([, at]) => at >= now - 20);
            } else {
              if (kind === 'fold') {
                const added = list.filter((entry) => !committed.includes(entry));
                const written = overlay.records().flatMap(({ value }) => (value === null ? [] : [value]));
                expect(written.flatMap(entriesIn)).toEqual(added);
                overlay.fold();
                committed = list;
                committedLeftAt = leftAt;
              }
              list = [...committed];
              leftAt = committedLeftAt;
              overlay = new EventMemoryOverlay(memory);
            }
            expect(overlay.size).toBe(list.length);
            expect(overlay.leftAt()).toBe(leftAt);
            expect(base.leftAtMs).toBe(committedLeftAt);
            expect(Array.from({ length: base.size }, (_, rank) => base.timeAt(rank))).toEqual(
              committed.map(([, at]) => at),
            );
            const ranks = new Map(committed.map(([known], rank) => [known, rank]));
            const remembered = new Set(list.map(([known]) => known));
            for (let known = 0; known < IDS; known++) {
              if (base.rankOf(digestOf(String(known))) !== ranks.get(String(known)))
                throw new Error(`rank of ${String(known)}`);
              if (overlay.has(String(known)) !== remembered.has(String(known)))
                throw new Error(`${String(known)} is remembered in one of the two`);
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('finds each of many identities while the oldest leave and others are added', () => {
    const window = new IdentityWindow({ windowMs: 1e9, maxEntries: 5_000 });
    for (let id = 0; id < 30_000; id++) {
      if (window.size === 5_000) window.removeOldest(1);
      window.append(digestOf(String(id)), id);
    }
    const first = 25_000;
    for (let id = 0; id < 30_000; id++) {
      expect(window.rankOf(digestOf(String(id)))).toBe(id < first ? undefined : id - first);
    }
    expect(window.timeAt(0)).toBe(first);
    expect(() => window.timeAt(5_000)).toThrow(RangeError);
  });
});

/** The identities of a written record with their append times. */
function entriesIn(value: string): [identity: string, appendedAtMs: number][] {
  const { firstMs, runs, identities } = JSON.parse(value) as {
    firstMs: number;
    runs: number[];
    identities: string[];
  };
  const times = runs.flatMap((_, at) =>
    at % 2 === 0 ? Array<number>(runs[at + 1] ?? 0).fill(firstMs + (runs[at] ?? 0)) : [],
  );
  return identities.map((identity, index) => [identity, times[index] ?? NaN]);
}
