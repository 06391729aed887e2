import * as fc from 'fast-check';
import {
  type AnyEvent,
  CANCEL_REASONS,
  CANCELLED_BY,
  CHANNELS,
  DEVICES,
  type EventType,
  PAYMENT_METHODS,
  RETURN_REASONS,
  VERTICALS,
} from '../src';

/** Valid bodies of every type, written from the contracts' descriptions and independent of their decorators. */

const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...Array.from('0123456789abcdef')), minLength: length, maxLength: length });
const sha256 = hex(64);
const uuid = fc.tuple(hex(8), hex(4), hex(4), hex(4), hex(12)).map((groups) => groups.join('-'));
const identifier = fc.string({
  unit: fc.integer({ min: 0x21, max: 0x7e }).map((code) => String.fromCharCode(code)),
  minLength: 1,
  maxLength: 128,
});
const text = (maxLength: number) =>
  fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: Math.min(maxLength, 40) })
    .filter((value) => value.trim() !== '' && value.length <= maxLength);
const time = fc
  .tuple(
    fc.date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2199-12-31T23:59:59.999Z'), noInvalidDate: true }),
    fc.constantFrom('', '.0', '.12', '.345', '.6789', '.01234', '.999999'),
  )
  .map(([date, fraction]) => `${date.toISOString().slice(0, 19)}${fraction}Z`);
const money = fc.integer({ min: 0, max: 99_999_999_999 }).map((cents) => {
  const digits = cents.toString().padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)}`;
});
const whole = (min: number, max: number) => fc.integer({ min, max });
const country = fc.string({
  unit: fc.constantFrom(...Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')),
  minLength: 2,
  maxLength: 2,
});
const vertical = fc.constantFrom(...VERTICALS);

type BodyOf<T extends EventType> = Extract<AnyEvent, { event_type: T }>;

/** Bodies with these fields. Those of `nullable` may be absent. */
function bodies<T extends EventType, R extends object, N extends object>(
  type: T,
  required: { [K in keyof R]: fc.Arbitrary<R[K]> },
  nullable: { [K in keyof N]: fc.Arbitrary<N[K]> },
) {
  return fc
    .tuple(
      fc.record({ event_id: identifier, event_type: fc.constant(type), occurred_at: time }),
      fc.record(required),
      fc.record(nullable, { requiredKeys: [] }),
    )
    .map(([head, always, sometimes]) => ({ ...head, ...always, ...sometimes }));
}

const order = { order_id: sha256, order_placed_at: time, customer_id: sha256 };
const visit = { session_id: uuid, customer_id: sha256 };
const item = { item_sku: uuid, vendor_id: sha256 };
const vendor = { vendor_id: sha256, vendor_name: text(256), vendor_address: text(512), vendor_vertical: vertical };
const product = { ...item, item_name: text(256), item_price: money };
const customer = {
  customer_id: sha256,
  customer_registered_at: time,
  customer_country: country,
  marketing_consent: fc.boolean(),
};
const contact = { customer_name: fc.option(text(256)), customer_email: fc.option(fc.emailAddress()) };

const goodBodies = {
  'order.placed': bodies(
    'order.placed',
    { ...order, ...vendor, ...product, customer_registered_at: time, item_quantity: whole(1, 1000) },
    { order_rating: fc.option(whole(1, 5)) },
  ),
  'order.paid': bodies(
    'order.paid',
    {
      ...order,
      payment_id: identifier,
      payment_method: fc.constantFrom(...PAYMENT_METHODS),
      payment_amount: money,
    },
    {},
  ),
  'order.shipped': bodies('order.shipped', { ...order, carrier: text(64) }, { tracking_id: fc.option(identifier) }),
  'order.delivered': bodies(
    'order.delivered',
    { ...order, carrier: text(64) },
    { tracking_id: fc.option(identifier), delivery_attempt: fc.option(whole(1, 20)) },
  ),
  'order.cancelled': bodies(
    'order.cancelled',
    { ...order, cancelled_by: fc.constantFrom(...CANCELLED_BY), cancel_reason: fc.constantFrom(...CANCEL_REASONS) },
    {},
  ),
  'order.returned': bodies(
    'order.returned',
    {
      ...order,
      return_reason: fc.constantFrom(...RETURN_REASONS),
      returned_quantity: whole(1, 1000),
      refund_amount: money,
    },
    {},
  ),
  'order.rated': bodies('order.rated', { ...order, order_rating: whole(1, 5) }, {}),
  'session.started': bodies(
    'session.started',
    { ...visit, device: fc.constantFrom(...DEVICES), channel: fc.constantFrom(...CHANNELS) },
    { visit_country: fc.option(country) },
  ),
  'product.viewed': bodies('product.viewed', { ...visit, ...item }, {}),
  'search.performed': bodies(
    'search.performed',
    { ...visit, search_terms: text(256), result_count: whole(0, 1_000_000) },
    { search_vertical: fc.option(vertical) },
  ),
  'cart.item_added': bodies(
    'cart.item_added',
    { ...visit, ...item, item_quantity: whole(1, 1000), item_price: money },
    {},
  ),
  'cart.item_removed': bodies('cart.item_removed', { ...visit, ...item, item_quantity: whole(1, 1000) }, {}),
  'checkout.started': bodies('checkout.started', { ...visit, cart_items: whole(1, 1000), cart_value: money }, {}),
  'review.submitted': bodies(
    'review.submitted',
    { ...visit, ...item, review_rating: whole(1, 5) },
    { review_text: fc.option(text(4000)) },
  ),
  'vendor.onboarded': bodies('vendor.onboarded', vendor, {}),
  'vendor.updated': bodies('vendor.updated', vendor, {}),
  'product.listed': bodies('product.listed', product, {}),
  'product.price_changed': bodies('product.price_changed', product, { previous_item_price: fc.option(money) }),
  'product.updated': bodies('product.updated', product, {}),
  'product.delisted': bodies('product.delisted', product, {}),
  'customer.registered': bodies('customer.registered', customer, contact),
  'customer.updated': bodies('customer.updated', customer, contact),
};

export const GOOD_BODIES: { readonly [T in EventType]: fc.Arbitrary<BodyOf<T>> } = goodBodies;

export const goodBody: fc.Arbitrary<AnyEvent> = fc.oneof(...Object.values<fc.Arbitrary<AnyEvent>>(GOOD_BODIES));
