import { createHash } from 'node:crypto';
import { deadLetterTopic, envelopeHeaders, partitionFor, rawTopic } from '@orderstream/contracts';
import { type KafkaRecord } from '@orderstream/kafka';
import { buildDeadLetter } from '../src/build-dead-letter';
import { asRead } from './failed-records';

export const RAW = rawTopic('orders');
export const LETTERS = deadLetterTopic(RAW, 'validator');

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
export const CUSTOMER = sha('customer');
export const PARTITION = partitionFor(CUSTOMER);
export const VENDOR = sha('vendor');
export const SKU = '7b0f7d5e-4a39-4f0e-9c59-0e7c2b2d7b11';
const PLACED_AT = '2026-01-02T03:00:00.000Z';

export type Body = Readonly<Record<string, unknown>>;
const event = (type: string, id: string, order: string, fields: Body): Body => ({
  event_id: id,
  event_type: type,
  occurred_at: PLACED_AT,
  order_id: sha(order),
  order_placed_at: PLACED_AT,
  customer_id: CUSTOMER,
  ...fields,
});

export const placed = (order: string, fields: Body = {}): Body =>
  event('order.placed', `placed-${order}`, order, {
    order_rating: null,
    vendor_id: VENDOR,
    vendor_name: 'Becker and Sons',
    vendor_address: '7 Mill Road',
    vendor_vertical: 'Books',
    customer_registered_at: '2025-01-01T00:00:00.000Z',
    item_sku: SKU,
    item_name: 'Desk lamp',
    item_price: '12.90',
    item_quantity: 2,
    ...fields,
  });

export const paid = (order: string): Body =>
  event('order.paid', `paid-${order}`, order, {
    payment_id: 'pay_1',
    payment_method: 'card',
    payment_amount: '25.80',
  });

/** The letter of an event, as a consumer reads it. */
export function letterOf(
  body: Body,
  code: string,
  offset: number,
  {
    sourceOffset = offset,
    headers = {},
  }: { readonly sourceOffset?: number; readonly headers?: KafkaRecord['headers'] } = {},
): KafkaRecord {
  const envelope = envelopeHeaders({
    id: String(body.event_id),
    type: String(body.event_type),
    source: '/spec',
    time: String(body.occurred_at),
    subject: CUSTOMER,
  });
  const record = {
    topic: RAW,
    partition: PARTITION,
    offset: sourceOffset,
    timestamp: Date.parse(PLACED_AT),
    key: Buffer.from(CUSTOMER),
    value: Buffer.from(JSON.stringify(body)),
    headers: { ...envelope, ...headers },
  };
  const context = { app: 'validator', reasons: [{ code }], failedAt: new Date(PLACED_AT) } as const;
  return asRead(buildDeadLetter(record, context), LETTERS, offset);
}
