import { altered, type Defect, type Moment } from './defect';

const REGISTERED_OFF_BY_MS = 86_400_000;

/** An order that is placed: the record is repaired, and later events refer to it. */
const placed = ({ market, seq, nowMs }: Moment) => market.placeOrder(seq, nowMs, () => true);

/** An order by a customer whose registration time the validator knows from an accepted order. */
const placedAgain = ({ market, seq, nowMs }: Moment) => market.placeOrder(seq, nowMs, ({ ordered }) => ordered);

const named = (what: string, weight: number) => ({ name: `drift.${what}`, expected: 'repair', weight }) as const;

/** Orders whose copy of vendor, product or customer data differs from the catalog or from earlier orders. */
export const DRIFT_DEFECTS: readonly Defect[] = [
  altered(named('vendor', 3), placed, (body, { market: { rng } }) =>
    rng.chance(0.5)
      ? { ...body, vendor_name: `${String(body.vendor_name)} Ltd` }
      : { ...body, vendor_address: `c/o ${String(body.vendor_address)}` },
  ),
  altered(named('product', 2), placed, (body) => ({ ...body, item_name: `${String(body.item_name)} (new)` })),
  altered(named('customer', 3), placedAgain, (body) => {
    const registeredAtMs = Date.parse(String(body.customer_registered_at));
    return { ...body, customer_registered_at: new Date(registeredAtMs - REGISTERED_OFF_BY_MS).toISOString() };
  }),
];
