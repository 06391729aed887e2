import { altered, type Defect, order } from './defect';

/** Orders of unknown vendors or products. Rare, because the validator's partition waits for the catalog on each. */
export const REFERENCE_DEFECTS: readonly Defect[] = [
  altered(
    { name: 'reference.unknown_vendor', expected: 'reject:reference.unknown_vendor' },
    order,
    (body, { market, seq }) => ({ ...body, vendor_id: market.identities.sha256('no-vendor', seq) }),
  ),
  altered(
    { name: 'reference.unknown_product', expected: 'reject:reference.unknown_product' },
    order,
    (body, { market, seq }) => ({ ...body, item_sku: market.identities.uuid('no-product', seq) }),
  ),
];
