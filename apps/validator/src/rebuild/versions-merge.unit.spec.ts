import { CatalogVersions, CatalogVersionsOverlay } from '@orderstream/quality';
import { newShop, productListed, vendorOnboarded } from '../../test/events';
import { VersionsMerge } from './versions-merge';

const NOW_MS = Date.now();
const MINUTE_MS = 60_000;
const COMMITTED = 10;

/** Versions of three vendors, as the versions topic holds them up to this raw offset. */
function threeVendors(rawOffset: number): CatalogVersions {
  const overlay = new CatalogVersionsOverlay(new CatalogVersions());
  for (let count = 0; count < 3; count++) overlay.apply(vendorOnboarded(newShop()), NOW_MS);
  const versions = new CatalogVersions();
  for (const { key, value } of overlay.records(rawOffset)) {
    versions.restoreRecord(Buffer.from(key), value === null ? null : Buffer.from(value));
  }
  return versions;
}

const reportOf = (rawOffset: number, removedUntilMs: number | undefined, body: unknown) => {
  const merge = VersionsMerge.into(threeVendors(rawOffset), COMMITTED, removedUntilMs);
  merge.accepted(Buffer.from(JSON.stringify(body)), NOW_MS);
  const { records, report } = merge.finish(COMMITTED);
  return { ...report, written: records.length };
};

describe('the log that is merged into the versions of the catalog', () => {
  it.each<[string, number, number | undefined, { cut: boolean; written: number }]>([
    ['is whole', COMMITTED - 1, undefined, { cut: false, written: 2 }],
    ['lacks a piece that the versions have', COMMITTED, NOW_MS - MINUTE_MS, { cut: false, written: 2 }],
    // Each of the three vendors may lack a version, and is written as well.
    ['lacks a piece, as the versions do', COMMITTED - 1, NOW_MS - MINUTE_MS, { cut: true, written: 5 }],
  ])('is reported with the entities that it added or changed, and no others, when it %s', (_, offset, until, found) => {
    expect(reportOf(offset, until, productListed(newShop()))).toEqual({ merged: 1, removed: 0, ...found });
  });
});
