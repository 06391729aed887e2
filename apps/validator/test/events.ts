import { createHash, randomUUID } from 'node:crypto';
import { envelopeHeaders, EVENT_CONTRACTS, rawTopic } from '@orderstream/contracts';
import { type OutputRecord, partitionFor } from '@orderstream/kafka';

export type Body = Readonly<Record<string, unknown>>;

const SOURCE = '/validator-test';
const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
/** Makes names that no other run uses: topics are shared by all runs on a broker. */
const unique = (text: string): string => sha(`${text} ${randomUUID()}`);

const now = (): string => new Date().toISOString();
const event = (type: string, fields: Body): Body => ({
  event_id: randomUUID(),
  event_type: type,
  occurred_at: now(),
  ...fields,
});

export interface Shop {
  readonly vendor_id: string;
  readonly item_sku: string;
}

export const newShop = (): Shop => ({ vendor_id: unique('vendor'), item_sku: randomUUID() });

export const vendorOnboarded = ({ vendor_id }: Shop): Body =>
  event('vendor.onboarded', {
    vendor_id,
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
  });

export const productListed = ({ vendor_id, item_sku }: Shop): Body =>
  event('product.listed', { item_sku, vendor_id, item_name: 'Desk lamp', item_price: '12.90' });

export const orderPlaced = (shop: Shop, customer_id: string, fields: Body = {}): Body =>
  event('order.placed', {
    order_id: unique('order'),
    order_placed_at: now(),
    order_rating: null,
    vendor_id: shop.vendor_id,
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
    customer_id,
    customer_registered_at: '2025-01-01T00:00:00.000Z',
    item_sku: shop.item_sku,
    item_name: 'Desk lamp',
    item_price: '12.90',
    item_quantity: 2,
    ...fields,
  });

export const orderPaid = (order: Body): Body =>
  event('order.paid', {
    order_id: order.order_id,
    order_placed_at: order.order_placed_at,
    customer_id: order.customer_id,
    payment_id: 'pay_1',
    payment_method: 'card',
    payment_amount: '25.80',
  });

export const orderShipped = (order: Body): Body =>
  event('order.shipped', {
    order_id: order.order_id,
    order_placed_at: order.order_placed_at,
    customer_id: order.customer_id,
    carrier: 'DHL',
  });

export const sessionStarted = (customer_id: string): Body =>
  event('session.started', { session_id: randomUUID(), customer_id, device: 'app', channel: 'direct' });

/** A customer whose key belongs to the partition. */
export function customerIn(partition: number): string {
  for (;;) {
    const customer = unique('customer');
    if (partitionFor(customer) === partition) return customer;
  }
}

/** The raw record of a body, with the key, partition and envelope that belong to it. */
export function rawRecord(body: Body, changes: Partial<OutputRecord> = {}): OutputRecord {
  const type = String(body.event_type);
  const contract = EVENT_CONTRACTS.get(type);
  if (contract === undefined) throw new TypeError(`no contract of ${type}`);
  const key = String(body[contract.keyField]);
  return {
    topic: rawTopic(contract.family),
    partition: partitionFor(key),
    key: Buffer.from(key),
    value: Buffer.from(JSON.stringify(body)),
    headers: envelopeHeaders({ id: String(body.event_id), type, source: SOURCE, time: String(body.occurred_at) }),
    ...changes,
  };
}
