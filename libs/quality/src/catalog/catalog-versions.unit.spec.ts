import { timestampMicros } from '@orderstream/contracts';
import * as fc from 'fast-check';
import { Catalog, type CatalogLimits, CatalogVersions, CatalogVersionsOverlay, decodeCatalogRecord } from '../index';
import type { StateRecord } from '../state/state-record';
import { sha, uuid } from '../../test/fixtures';

const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 0, 1);
const LIMITS: CatalogLimits = { maxEntities: 100, maxVersions: 32 };
const dayMs = (number: number): number => START_MS + number * DAY_MS;
const day = (number: number): string => new Date(dayMs(number)).toISOString();

const product = (id: number, at: number, item_name: string): unknown => ({
  event_type: 'product.updated',
  occurred_at: day(at),
  item_sku: uuid(id),
  item_name,
});
const vendor = (id: string, at: number, vendor_name: string): unknown => ({
  event_type: 'vendor.updated',
  occurred_at: day(at),
  vendor_id: sha(id),
  vendor_name,
  vendor_address: '7 Mill Road',
  vendor_vertical: 'Books',
});

/** The versions of a partition and their topic, in batches of one. */
class Partition {
  readonly topic: StateRecord[] = [];
  private offset = 0;

  constructor(readonly versions = new CatalogVersions(LIMITS)) {}

  apply(body: unknown, appendMs: number): this {
    const overlay = new CatalogVersionsOverlay(this.versions);
    overlay.apply(body, appendMs);
    this.topic.push(...overlay.records(++this.offset));
    overlay.fold(this.offset);
    return this;
  }

  /** The versions as another process restores them, from the last record of each key. */
  restored(): CatalogVersions {
    const versions = new CatalogVersions(LIMITS);
    for (const [key, value] of new Map(this.topic.map((record) => [record.key, record.value]))) {
      versions.restoreRecord(Buffer.from(key), value === null ? null : Buffer.from(value));
    }
    versions.finishRestore();
    return versions;
  }

  valueOf(key: string): { versions: { item_name: string; sinceMicros: number }[]; truncated?: boolean } {
    const value = this.topic.findLast((record) => record.key === key)?.value ?? '{}';
    return JSON.parse(value) as ReturnType<Partition['valueOf']>;
  }
}

const nameIn = ({ catalog }: Pick<CatalogVersions, 'catalog'>, id: number, at: number): string | undefined =>
  catalog.product(uuid(id))?.at(timestampMicros(day(at)))?.item_name;

const IDS = [1, 2, 3];
const DAYS = Array.from({ length: 26 }, (_, at) => 6 * at);

/** Events in the order of their append times, up to 100 days late. */
const announced = fc
  .array(
    fc.record({
      id: fc.constantFrom(...IDS),
      appendedAt: fc.nat(25).map((at) => 6 * at),
      late: fc.oneof(
        fc.constant(0),
        fc.nat(16).map((by) => 6 * by),
      ),
      name: fc.constantFrom('A', 'B', 'C'),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((events) =>
    events
      .toSorted((a, b) => a.appendedAt - b.appendedAt)
      .map((event) => ({ ...event, at: Math.max(0, event.appendedAt - event.late) })),
  );

describe('the versions of a catalog partition', () => {
  it('are the same after a restore, whatever was announced, in any order', () => {
    const events = fc.array(
      fc.record({ id: fc.integer({ min: 1, max: 3 }), at: fc.nat(120), name: fc.constantFrom('A', 'B', 'C') }),
      { minLength: 1, maxLength: 60 },
    );
    fc.assert(
      fc.property(events, (announced) => {
        const partition = new Partition();
        announced.forEach(({ id, at, name }, index) => {
          partition.apply(index % 4 === 0 ? vendor(String(id), at, name) : product(id, at, name), dayMs(120 + index));
        });
        const restored = partition.restored();
        expect(restored.position).toEqual({ rawOffset: announced.length, isCut: false });
        for (const id of [1, 2, 3]) {
          const [before, after] = [partition.versions, restored].map(({ catalog }) => [
            catalog.product(uuid(id))?.entries,
            catalog.product(uuid(id))?.missingBeforeMicros,
            catalog.vendor(sha(String(id)))?.entries,
          ]);
          expect(after).toEqual(before);
        }
      }),
    );
  });

  it('hold a new version only where a compared field changed', () => {
    const partition = new Partition().apply(product(1, 1, 'Lamp'), dayMs(1));
    for (let at = 2; at < 9; at++) partition.apply(product(1, at, 'Lamp'), dayMs(at));
    partition.apply(product(1, 10, 'Desk lamp'), dayMs(10));
    const { versions } = partition.valueOf(`product/${uuid(1)}`);
    expect(versions.map(({ item_name, sinceMicros }) => [item_name, sinceMicros])).toEqual([
      ['Lamp', timestampMicros(day(1))],
      ['Desk lamp', timestampMicros(day(10))],
    ]);
  });

  it('reach 90 days back from the last change, and to the version that was valid then', () => {
    const partition = new Partition();
    for (const [at, name] of [
      [0, 'A'],
      [20, 'B'],
      [50, 'C'],
      [115, 'D'],
    ] as const) {
      partition.apply(product(1, at, name), dayMs(at));
    }
    // 90 days before day 115 is day 25: B was valid then, A had ended.
    expect(partition.valueOf(`product/${uuid(1)}`)).toMatchObject({
      versions: [{ item_name: 'B' }, { item_name: 'C' }, { item_name: 'D' }],
      truncated: true,
    });
    const restored = partition.restored();
    expect([10, 20, 49, 50, 115].map((at) => nameIn(restored, 1, at))).toEqual([undefined, 'B', 'B', 'C', 'D']);
  });

  it('are at most 32', () => {
    const partition = new Partition();
    for (let at = 0; at < 40; at++) partition.apply(product(1, at, `name ${String(at)}`), dayMs(at));
    const { versions, truncated } = partition.valueOf(`product/${uuid(1)}`);
    expect([versions.length, versions[0]?.item_name, truncated]).toEqual([32, 'name 8', true]);
  });

  it('are unchanged by a batch that is not committed', () => {
    const { versions } = new Partition().apply(product(1, 1, 'A'), dayMs(1));
    const overlay = new CatalogVersionsOverlay(versions);
    overlay.apply(product(1, 2, 'B'), dayMs(2));
    overlay.apply(product(2, 2, 'B'), dayMs(2));
    expect([nameIn(versions, 1, 3), nameIn(versions, 2, 3), versions.position?.rawOffset]).toEqual(['A', undefined, 1]);
    overlay.fold(2);
    expect([nameIn(versions, 1, 3), nameIn(versions, 2, 3), versions.position?.rawOffset]).toEqual(['B', 'B', 2]);
  });

  it('of an entity that had to be left out are truncated when it is announced again', () => {
    const partition = new Partition(new CatalogVersions({ maxEntities: 1, maxVersions: 32 }));
    partition.apply(product(1, 1, 'A'), dayMs(1)).apply(product(2, 1, 'A'), dayMs(1));
    partition.apply(product(1, 5, 'B'), dayMs(5));
    expect([3, 5].map((at) => nameIn(partition.restored(), 1, at))).toEqual([undefined, 'B']);
  });

  it('of an entity that left and is announced again prove nothing by a version older than those that left with it', () => {
    const partition = new Partition(new CatalogVersions({ maxEntities: 1, maxVersions: 32 }));
    partition.apply(product(1, 1, 'A'), dayMs(1)).apply(product(1, 10, 'B'), dayMs(10));
    partition.apply(product(2, 11, 'A'), dayMs(11));
    // Late: at day 12 the product is a B, which has left.
    partition.apply(product(1, 5, 'C'), dayMs(13));
    expect([6, 12].map((at) => nameIn(partition.restored(), 1, at))).toEqual([undefined, undefined]);
    partition.apply(product(1, 14, 'D'), dayMs(14));
    expect([6, 12, 14].map((at) => nameIn(partition.restored(), 1, at))).toEqual([undefined, undefined, 'D']);
  });

  it('that are older than dropped ones prove nothing', () => {
    const versions = new CatalogVersions({ maxEntities: 9, maxVersions: 3 });
    const partition = new Partition(versions);
    for (const [at, name] of [
      [10, 'A'],
      [20, 'B'],
      [30, 'C'],
      [40, 'D'],
      [41, 'D'],
      [5, 'B'],
    ] as const) {
      partition.apply(product(1, at, name), dayMs(50));
    }
    expect([15, 25, 35, 45].map((at) => nameIn(versions, 1, at))).toEqual([undefined, undefined, 'C', 'D']);
  });

  it('prove nothing by a repeat of a version whose end is not known', () => {
    const partition = new Partition(new CatalogVersions({ maxEntities: 9, maxVersions: 2 }));
    for (const [at, appendedAt, name] of [
      [0, 0, 'A'],
      [6, 6, 'B'],
      [72, 72, 'B'],
      [48, 72, 'C'],
      [138, 138, 'C'],
      [66, 144, 'C'],
    ] as const) {
      partition.apply(product(1, at, name), dayMs(appendedAt));
    }
    expect(nameIn(partition.versions, 1, 72)).toBeUndefined();
  });

  it('name a wrong version at no time, however few entities and versions are remembered', () => {
    const limits = fc.record({
      maxEntities: fc.integer({ min: 1, max: 3 }),
      maxVersions: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(announced, limits, (events, few) => {
        const small = new Partition(new CatalogVersions(few));
        const all = new Catalog({ maxEntities: 1_000, maxVersions: 1_000 });
        for (const { id, at, name, appendedAt } of events) {
          small.apply(product(id, at, name), dayMs(appendedAt));
          all.apply(product(id, at, name));
        }
        for (const versions of [small.versions, small.restored()]) {
          for (const at of DAYS) {
            for (const id of IDS) {
              const named = nameIn(versions, id, at);
              if (named !== undefined && named !== nameIn({ catalog: all }, id, at)) {
                throw new Error(`${named} at day ${String(at)}`);
              }
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it('keep what was announced last of one time, when a repeat before it was dropped and the log is merged', () => {
    const log = [
      [0, 'A'],
      [6, 'A'],
      [6, 'A'],
      [6, 'A'],
      [6, 'C'],
    ] as const;
    const partition = new Partition(new CatalogVersions({ maxEntities: 9, maxVersions: 4 }));
    for (const [at, name] of log) partition.apply(product(1, at, name), dayMs(6));
    const overlay = new CatalogVersionsOverlay(partition.versions);
    for (const [at, name] of log) overlay.merge(product(1, at, name), dayMs(6));
    overlay.fold(log.length);
    expect([5, 6].map((at) => nameIn(partition.versions, 1, at))).toEqual(['A', 'C']);
  });

  it('are what the validator had, when the log is merged into what is left of them', () => {
    fc.assert(
      fc.property(announced, fc.double({ min: 0, max: 1, noNaN: true }), fc.boolean(), (events, share, isDeleted) => {
        const live = new Partition(new CatalogVersions({ maxEntities: 100, maxVersions: 4 }));
        const left = new Partition(new CatalogVersions({ maxEntities: 100, maxVersions: 4 }));
        const seen = isDeleted ? 0 : Math.floor(events.length * share);
        events.forEach(({ id, at, name, appendedAt }, index) => {
          for (const one of index < seen ? [live, left] : [live]) one.apply(product(id, at, name), dayMs(appendedAt));
        });
        const overlay = new CatalogVersionsOverlay(left.versions);
        for (const { id, at, name, appendedAt } of events) overlay.merge(product(id, at, name), dayMs(appendedAt));
        overlay.fold(events.length);
        for (const id of IDS) {
          for (const at of DAYS) {
            const expected = nameIn(live.versions, id, at);
            // What is merged may know a repeat that the validator had dropped.
            if (expected !== undefined && nameIn(left.versions, id, at) !== expected) {
              throw new Error(`not ${expected} at day ${String(at)}`);
            }
          }
          if (isDeleted) {
            const [whole, again] = [live, left].map(({ versions }) => versions.catalog.product(uuid(id)));
            expect(again?.entries).toEqual(whole?.entries);
            expect(again?.missingBeforeMicros).toBe(whole?.missingBeforeMicros);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['a later version', '{"v":2,"versions":[]}'],
    ['damaged JSON', '{"v":1,'],
    ['a version without its field', '{"v":1,"versions":[{"sinceMicros":1}]}'],
    ['a time that is none', '{"v":1,"versions":[{"sinceMicros":"1","item_name":"A"}]}'],
  ])('cannot be restored from a record with %s, unless a later record replaces it', (_, value) => {
    const versions = new CatalogVersions(LIMITS);
    const key = Buffer.from(`product/${uuid(1)}`);
    versions.restoreRecord(key, Buffer.from(value));
    expect(() => {
      versions.finishRestore();
    }).toThrow(/product\/.*cannot be read.*rebuild/s);
    versions.restoreRecord(key, Buffer.from('{"v":1,"versions":[{"sinceMicros":1,"item_name":"A"}]}'));
    expect(() => {
      versions.finishRestore();
    }).not.toThrow();
  });

  it('that were cut stay so, and a rebuild adds truncated entities to them', () => {
    const { versions } = new Partition();
    versions.finishPartialRestore(true);
    const rebuilt = new Partition(versions).apply(product(1, 10, 'B'), dayMs(10));
    expect(nameIn(rebuilt.restored(), 1, 5)).toBeUndefined();
    const overlay = new CatalogVersionsOverlay(versions);
    overlay.cut(undefined);
    const [position] = [...overlay.records(7)];
    expect(decodeCatalogRecord('position', position?.value ?? '', LIMITS)).toEqual({
      kind: 'position',
      position: { rawOffset: 7, isCut: true },
    });
  });
});

describe('a catalog whose announcements were left out', () => {
  /** The partition as it is restored after announcements were left out that were appended up to this day. */
  const cutAt = (before: Partition, untilDay: number): Partition => {
    const overlay = new CatalogVersionsOverlay(before.versions);
    overlay.cut(dayMs(untilDay) * 1_000 + 1);
    const versions = new CatalogVersions(LIMITS);
    for (const { key, value } of [...before.topic, ...overlay.records(9)]) {
      versions.restoreRecord(Buffer.from(key), value === null ? null : Buffer.from(value));
    }
    versions.finishRestore();
    return new Partition(versions);
  };

  it('knows no name of a time at which one that was left out may have been valid, and names announced since', () => {
    const cut = cutAt(new Partition().apply(product(1, 10, 'A'), dayMs(10)), 20);
    expect(cut.versions.catalog.truncated).toBe(true);
    expect([5, 10, 15, 20, 30].map((day) => nameIn(cut.versions, 1, day))).toEqual(Array(5).fill(undefined));
    cut.apply(product(1, 40, 'C'), dayMs(40));
    expect([30, 40].map((day) => nameIn(cut.versions, 1, day))).toEqual([undefined, 'C']);
  });

  it('does not take a late announcement for the last one before those that were left out', () => {
    // Left out: product 2, renamed at day 15. Its listing of day 10 arrives behind them.
    const cut = cutAt(new Partition(), 20);
    cut.apply(product(2, 10, 'A'), dayMs(21));
    expect([10, 16, 30].map((day) => nameIn(cut.versions, 2, day))).toEqual([undefined, undefined, undefined]);
    expect([10, 16, 30].map((day) => nameIn(cut.restored(), 2, day))).toEqual([undefined, undefined, undefined]);
    cut.apply(product(2, 25, 'C'), dayMs(25));
    expect([16, 30].map((day) => nameIn(cut.versions, 2, day))).toEqual([undefined, 'C']);
  });

  it('never has a name that differs from the one it would have without the gap', () => {
    const events = fc.array(
      fc.record({ id: fc.constantFrom(...IDS), day: fc.integer({ min: 1, max: 30 }), lateDays: fc.nat(10) }),
      { maxLength: 20 },
    );
    fc.assert(
      fc.property(events, fc.nat(), fc.nat(), (announced, start, count) => {
        const log = announced
          .map(({ id, day, lateDays }, index) => ({ id, day, at: day + lateDays, name: `name ${String(index % 5)}` }))
          .sort((a, b) => a.at - b.at);
        const from = start % (log.length + 1);
        const until = Math.min(log.length, from + (count % 6));
        const add = (partition: Partition, part: typeof log): Partition => {
          for (const { id, day, at, name } of part) partition.apply(product(id, day, name), dayMs(at));
          return partition;
        };
        const whole = add(new Partition(), log);
        const last = log[until - 1];
        const before = add(new Partition(), log.slice(0, from));
        const left = add(from < until && last !== undefined ? cutAt(before, last.at) : before, log.slice(until));
        for (const id of IDS) {
          for (let day = 1; day <= 45; day++) {
            const name = nameIn(left.versions, id, day);
            if (name !== undefined) expect(name).toBe(nameIn(whole.versions, id, day) ?? name);
          }
        }
      }),
      { numRuns: 300 },
    );
  });
});
