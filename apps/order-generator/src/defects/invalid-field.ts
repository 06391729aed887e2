import { altered, anyEvent, damaged, type Defect, order, without } from './defect';

const INVALID = 'reject:structure.invalid_field';

const named = (what: string, weight = 1) => ({ name: `field.${what}`, expected: INVALID, weight }) as const;
/** An order whose quantity is written in another way. */
const quantityAs = (what: string, spelling: (quantity: string) => string): Defect =>
  damaged(named(what), order, ({ body }) => {
    const { item_quantity: quantity, ...rest } = body;
    const spelled = spelling(String(quantity));
    return { value: Buffer.from(`${JSON.stringify(rest).slice(0, -1)},"item_quantity":${spelled}}`) };
  });
const orderWith = (what: string, fields: Readonly<Record<string, unknown>>): Defect =>
  altered(named(what), order, (body) => ({ ...body, ...fields }));

/** Bodies that break their contract in one field. */
export const INVALID_FIELD_DEFECTS: readonly Defect[] = [
  altered(named('missing', 3), order, (body, { market: { rng } }) =>
    without(body, rng.pick(['order_id', 'vendor_id', 'vendor_name', 'item_sku', 'item_price', 'item_quantity'])),
  ),
  altered(named('unknown', 2), anyEvent, (body) => ({ ...body, loyalty_points: 12 })),
  altered(named('number_as_string'), order, (body) => ({ ...body, item_quantity: String(body.item_quantity) })),
  altered(named('string_as_number'), order, (body) => ({ ...body, item_price: Number(body.item_price) })),
  orderWith('null_required', { vendor_name: null }),
  orderWith('rating_out_of_range', { order_rating: 6 }),
  orderWith('quantity_zero', { item_quantity: 0 }),
  orderWith('quantity_fraction', { item_quantity: 1.5 }),
  quantityAs('quantity_exponent', (quantity) => `${quantity}e0`),
  quantityAs('quantity_decimals', (quantity) => `${quantity}.0`),
  quantityAs('quantity_rounded', (quantity) => `${quantity}.0000000000000000001`),
  orderWith('price_three_decimals', { item_price: '10.005' }),
  orderWith('price_negative', { item_price: '-10.00' }),
  orderWith('vertical_unknown', { vendor_vertical: 'Groceries' }),
  orderWith('sku_no_uuid', { item_sku: 'SKU-12345' }),
  orderWith('time_without_zone', { order_placed_at: '2026-01-02T03:04:05' }),
  orderWith('time_impossible', { order_placed_at: '2026-02-30T03:04:05.000Z' }),
  orderWith('name_nested', { vendor_name: { first: 'Becker', second: 'Sons' } }),
  // As text: an object literal would set the prototype instead of a field.
  damaged(named('proto'), anyEvent, ({ body }) => ({
    value: Buffer.from(`${JSON.stringify(body).slice(0, -1)},"__proto__":{"order_rating":5}}`),
  })),
];
