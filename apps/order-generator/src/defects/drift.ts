import { altered, type Defect, type Moment } from './defect';

const REGISTERED_OFF_BY_MS = 86_400_000;

/** Orders that are placed, and only told wrong: repaired, they live on. */
const placed = ({ market, seq, nowMs }: Moment) => market.placeOrder(seq, nowMs, () => true);

/** By somebody whose registration an accepted order has told before. */
const placedAgain = ({ market, seq, nowMs }: Moment) => market.placeOrder(seq, nowMs, ({ ordered }) => ordered);

const named = (what: string, weight: number) => ({ name: `drift.${what}`, expected: 'repair', weight }) as const;

/** Orders whose copy of somebody else's data is not what that somebody says. */
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
