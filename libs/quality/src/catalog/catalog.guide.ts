import { example, OTHER_ITEM, OTHER_VENDOR, type RuleGuide } from '../guide/rule-guide';
import { DEFAULT_CATALOG_LIMITS } from './catalog';
import { CATALOG_WINDOW_DAYS } from './catalog-versions';

const { maxEntities, maxVersions } = DEFAULT_CATALOG_LIMITS;
const BEFORE = '2026-01-02T11:00:00.000Z';
const AFTER = '2026-01-02T11:59:59.500Z';
const entities = maxEntities.toLocaleString('en-US');

const KNOWN =
  `For the ${entities} vendors and ${entities} products that were announced last (\`CATALOG_MAX_ENTITIES\`), without a limit ` +
  'of time. If the catalog has more, an unknown one is flagged, and not rejected. A record whose reference is unknown waits ' +
  'until everything that was announced before is known; if the catalog makes no progress, it is rejected with the constraint ' +
  '`catalogBehind` ([the catalog](validator-state.md#the-catalog)).';
const VERSIONS =
  `For the versions of the last ${CATALOG_WINDOW_DAYS} days and the one before, ${maxVersions} of each entity at most. An order ` +
  'of a time whose version was dropped or may be missing is flagged, and so is a contradiction to a catalog that is behind.';
const UNKNOWN_TO_DO =
  'See whether the announcement is a dead letter itself (`npm run dead-letters`), or whether its producer is behind: it is ' +
  'acknowledged before what refers to it.';
const DRIFT_TO_DO =
  'Nothing for single records: the row has the value of the catalog, and `quality_flags` the rule. Many of one producer mean ' +
  'that it reads an outdated copy of the catalog.';
const REPAIRED = 'Is not needed: the record was repaired.';

export const CATALOG_GUIDES = {
  'reference.unknown_vendor': {
    examples: {
      fires: {
        what: 'An order at a vendor whom the catalog has never announced',
        records: [example('order.placed', { vendor_id: OTHER_VENDOR })],
      },
      nearMiss: {
        what: 'The vendor was onboarded half a second after the order, but is known when the order is evaluated',
        catalog: [example('vendor.onboarded', { vendor_id: OTHER_VENDOR, occurred_at: AFTER })],
        records: [example('order.placed', { vendor_id: OTHER_VENDOR })],
      },
      uncertain: {
        verdict: 'flagged',
        what: 'The catalog has left vendors out: this one may be among them',
        catalogTruncated: true,
        records: [example('order.placed', { vendor_id: OTHER_VENDOR })],
      },
    },
    whatToDo: UNKNOWN_TO_DO,
    replay: 'Helps once the vendor has been announced.',
    certain: KNOWN,
  },
  'reference.unknown_product': {
    examples: {
      fires: {
        what: 'An order of an item that was never listed',
        records: [example('order.placed', { item_sku: OTHER_ITEM })],
      },
      nearMiss: {
        what: 'The item was delisted before the order: it stays in the catalog',
        catalog: [example('product.delisted', { item_sku: OTHER_ITEM, occurred_at: BEFORE })],
        records: [example('order.placed', { item_sku: OTHER_ITEM })],
      },
      uncertain: {
        verdict: 'flagged',
        what: 'The catalog has left products out: this one may be among them',
        catalogTruncated: true,
        records: [example('order.placed', { item_sku: OTHER_ITEM })],
      },
    },
    whatToDo: UNKNOWN_TO_DO,
    replay: 'Helps once the product has been listed.',
    certain: KNOWN,
  },
  'drift.vendor': {
    examples: {
      fires: {
        what: 'The vendor moved an hour before the order, which has the former address',
        catalog: [example('vendor.updated', { vendor_address: '1 New Square, Springfield', occurred_at: BEFORE })],
        records: [example('order.placed', { vendor_address: '7 Mill Road, Springfield' })],
      },
      nearMiss: {
        what: 'The vendor moved half a second after the order: the former address was right',
        catalog: [example('vendor.updated', { vendor_address: '1 New Square, Springfield', occurred_at: AFTER })],
        records: [example('order.placed', { vendor_address: '7 Mill Road, Springfield' })],
      },
      uncertain: {
        verdict: 'flagged',
        what: 'Versions from before the order may be missing, as the vendor was left out of the catalog for a time',
        catalogTruncated: true,
        catalog: [example('vendor.updated', { vendor_id: OTHER_VENDOR, occurred_at: AFTER })],
        records: [example('order.placed', { vendor_id: OTHER_VENDOR })],
      },
    },
    whatToDo: DRIFT_TO_DO,
    replay: REPAIRED,
    certain: VERSIONS,
  },
  'drift.product': {
    examples: {
      fires: {
        what: 'The item was renamed an hour before the order, which has the former name',
        catalog: [example('product.updated', { item_name: 'Bright desk lamp', occurred_at: BEFORE })],
        records: [example('order.placed', { item_name: 'Desk lamp' })],
      },
      nearMiss: {
        what: 'The item was renamed half a second after the order: the former name was right',
        catalog: [example('product.updated', { item_name: 'Bright desk lamp', occurred_at: AFTER })],
        records: [example('order.placed', { item_name: 'Desk lamp' })],
      },
      uncertain: {
        verdict: 'flagged',
        what: 'Versions from before the order may be missing, as the item was left out of the catalog for a time',
        catalogTruncated: true,
        catalog: [example('product.updated', { item_sku: OTHER_ITEM, occurred_at: AFTER })],
        records: [example('order.placed', { item_sku: OTHER_ITEM })],
      },
    },
    whatToDo: DRIFT_TO_DO,
    replay: REPAIRED,
    certain: VERSIONS,
  },
} as const satisfies Record<string, RuleGuide>;
