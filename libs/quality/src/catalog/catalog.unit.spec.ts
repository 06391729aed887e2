import { timestampMicros } from '@orderstream/contracts';
import * as fc from 'fast-check';
import { Catalog } from '../index';
import { evaluatorFor, placed, sha, summary, TestPartition, uuid } from '../../test/fixtures';

const product = (id: number, occurred_at: string, item_name: string): unknown => ({
  event_type: 'product.updated',
  occurred_at,
  item_sku: uuid(id),
  item_name,
});
const vendor = (occurred_at: string): unknown => ({
  event_type: 'vendor.updated',
  occurred_at,
  vendor_id: sha('vendor'),
  vendor_name: 'Becker and Sons',
  vendor_address: '7 Mill Road',
  vendor_vertical: 'Books',
});
const day = (number: number): string => new Date(Date.UTC(2026, 0, number)).toISOString();

describe('Catalog', () => {
  const days = fc.uniqueArray(fc.integer({ min: 2, max: 30 }), { minLength: 1 });
  const expectedAt = (at: number, versions: readonly (readonly [since: number, name: string])[]) =>
    (versions.findLast(([since]) => since <= at) ?? versions[0])?.[1];
  const nameIn = (catalog: Catalog, at: number) => catalog.product(uuid(1))?.at(timestampMicros(day(at)))?.item_name;

  it('returns the version that is valid at a time, for different versions added in any order', () => {
    fc.assert(
      fc.property(days, fc.integer({ min: 1, max: 31 }), (added, at) => {
        const catalog = new Catalog();
        for (const since of added) catalog.apply(product(1, day(since), `name ${since.toString()}`));
        const byTime = added.toSorted((a, b) => a - b).map((since) => [since, `name ${since.toString()}`] as const);
        expect(nameIn(catalog, at)).toBe(expectedAt(at, byTime));
      }),
    );
  });

  it('returns the version that is valid at a time, for repeated versions added in any order', () => {
    fc.assert(
      fc.property(
        days,
        fc.infiniteStream(fc.constantFrom('A', 'B')),
        fc.integer({ min: 1, max: 31 }),
        (added, names, at) => {
          const versions = added.map((since) => [since, String(names.next().value)] as const);
          const catalog = new Catalog();
          for (const [since, name] of versions) catalog.apply(product(1, day(since), name));
          const byTime = versions.toSorted(([a], [b]) => a - b);
          expect(nameIn(catalog, at)).toBe(expectedAt(at, byTime));
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('ends a version that arrives late at the next version, also where that one repeats the version before', () => {
    const catalog = new Catalog();
    for (const [since, name] of [
      [2, 'A'],
      [4, 'A'],
      [3, 'B'],
    ] as const) {
      catalog.apply(product(1, day(since), name));
    }
    expect([2, 3, 4, 5].map((at) => nameIn(catalog, at))).toEqual(['A', 'B', 'A', 'A']);
  });

  it('drops repeated versions before others', () => {
    const catalog = new Catalog({ maxEntities: 10, maxVersions: 3 });
    for (const [since, name] of [
      [1, 'A'],
      [2, 'A'],
      [3, 'A'],
      [4, 'B'],
      [5, 'B'],
      [6, 'C'],
    ] as const) {
      catalog.apply(product(1, day(since), name));
    }
    expect([0, 1, 3, 4, 5, 6].map((at) => nameIn(catalog, at))).toEqual(['A', 'A', 'A', 'B', 'B', 'C']);
  });

  it('does not know what was valid before the oldest version once it has dropped versions', () => {
    const catalog = new Catalog({ maxEntities: 10, maxVersions: 2 });
    for (const number of [1, 2, 3]) catalog.apply(product(1, day(number), `name ${number.toString()}`));
    expect([1, 2, 3].map((at) => nameIn(catalog, at))).toEqual([undefined, 'name 2', 'name 3']);
  });

  it('drops the oldest entity above its bound, and is truncated from then on', () => {
    const catalog = new Catalog({ maxEntities: 2, maxVersions: 2 });
    for (const id of [1, 2]) catalog.apply(product(id, day(1), 'Desk lamp'));
    expect([catalog.size, catalog.truncated]).toEqual([2, false]);
    catalog.apply(product(3, day(1), 'Desk lamp'));
    expect([catalog.size, catalog.truncated]).toEqual([2, true]);
    expect([1, 2, 3].map((id) => catalog.product(uuid(id)) !== undefined)).toEqual([false, true, true]);
  });

  it('flags, and does not reject, unknown references when it is truncated', () => {
    const partition = new TestPartition(evaluatorFor());
    partition.catalog.truncated = true;
    expect(summary(partition.evaluateBody(placed({ vendor_id: sha('unknown vendor'), item_sku: uuid(7) })))).toBe(
      'accept reference.unknown_vendor reference.unknown_product',
    );
  });

  it('ignores what is not a catalog event', () => {
    const bodies = fc.oneof(
      fc.anything(),
      fc.record({
        event_type: fc.constantFrom('vendor.updated', 'product.updated', 'order.placed', 1),
        occurred_at: fc.constantFrom(day(1), 1),
        // Neither a vendor nor a product is complete.
        vendor_id: fc.constantFrom(sha('vendor'), 1),
        item_sku: fc.constantFrom(uuid(1), 1),
      }),
    );
    fc.assert(
      fc.property(bodies, (body) => {
        const catalog = new Catalog();
        catalog.apply(body);
        expect(catalog.size).toBe(0);
      }),
    );
  });
});

describe('an order that the catalog can no longer prove wrong', () => {
  it('is flagged, not repaired, when the version of its time was dropped', () => {
    const partition = new TestPartition();
    const limited = new Catalog({ maxEntities: 10, maxVersions: 1 });
    for (const body of [vendor(day(59)), product(0xabc, day(59), 'Old lamp'), product(0xabc, day(401), 'New lamp')]) {
      limited.apply(body);
    }
    partition.catalog = limited;
    expect(summary(partition.evaluateBody(placed({ item_name: 'Old lamp' })))).toBe('accept drift.product');
  });

  it.each([
    ['rejects an unknown reference, with that detail', { vendor_id: sha('nobody') }, 'reject reference.unknown_vendor'],
    ['flags a contradiction, and does not repair it', { item_name: 'Disk lamp' }, 'accept drift.product'],
  ])('%s while the validator of the catalog is behind', (_, fields, expected) => {
    const partition = new TestPartition();
    const { catalog } = partition;
    partition.catalog = Object.assign(Object.create(catalog) as Catalog, { behind: true });
    const result = partition.evaluateBody(placed(fields));
    expect(summary(result)).toBe(expected);
    if (result.kind === 'reject') {
      expect(result.reasons).toEqual([
        {
          code: 'reference.unknown_vendor',
          path: 'vendor_id',
          constraint: `catalogBehind: expected a catalog that is up to date, found ${sha('nobody').slice(0, 39)}…`,
        },
      ]);
    }
  });
});
