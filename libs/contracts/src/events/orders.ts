import { Event, MarketplaceEvent } from '../event';
import { Identifier, Money, OneOf, Sha256, Text, Timestamp, Uuid, WholeNumber } from '../fields';
import { EXAMPLE } from './examples';
import { VERTICALS, type Vertical } from './verticals';

export const PAYMENT_METHODS = ['card', 'bank_transfer', 'wallet', 'cash_on_delivery', 'gift_card'] as const;
export const CANCELLED_BY = ['customer', 'vendor', 'marketplace'] as const;
export const CANCEL_REASONS = ['changed_mind', 'out_of_stock', 'payment_failed', 'fraud_suspected', 'other'] as const;
export const RETURN_REASONS = ['changed_mind', 'damaged', 'not_as_described', 'wrong_item', 'other'] as const;

/**
 * What every event of an order says. All of them carry order_placed_at, so that an event of an unknown order can be told
 * from one of an order that is older than what is remembered.
 */
abstract class OrderEvent extends MarketplaceEvent {
  @Sha256('The order.', { example: EXAMPLE.orderId }) readonly order_id: string;
  @Timestamp('When the order was placed. Not before the customer registered.') readonly order_placed_at: string;
  @Sha256('The customer who placed the order. The record key.', { example: EXAMPLE.customerId })
  readonly customer_id: string;
}

@Event({
  type: 'order.placed',
  family: 'orders',
  key: 'customer_id',
  description:
    'A customer placed an order. It carries the 13 columns of the original data set. order_placed_at is the time of ' +
    'the order and what the business counts by; occurred_at is the time of the event and what tables are partitioned ' +
    'by. A producer that reports an order as it is placed sets both alike; one that reports it afterwards need not.',
})
export class OrderPlaced extends OrderEvent {
  readonly event_type: 'order.placed';
  @WholeNumber('Rating of the order, 1 (worst) to 5, where it is known.', {
    min: 1,
    max: 5,
    nullable: true,
    example: 4,
  })
  readonly order_rating?: number | null;
  @Sha256('The vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @Text("The vendor's name.", { maxLength: 256, personal: true, example: 'Becker and Sons' })
  readonly vendor_name: string;
  @Text("The vendor's postal address.", { maxLength: 512, personal: true, example: '7 Mill Task, Springfield' })
  readonly vendor_address: string;
  @OneOf(VERTICALS, 'The line of goods that the vendor sells.') readonly vendor_vertical: Vertical;
  @Timestamp('When the customer registered.', { example: EXAMPLE.registeredAt })
  readonly customer_registered_at: string;
  @Uuid('The item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Text("The item's name.", { maxLength: 256, example: 'Desk lamp' }) readonly item_name: string;
  @Money('Price of one piece of the item.') readonly item_price: string;
  @WholeNumber('Pieces of the item.', { min: 1, max: 1000, example: 2 }) readonly item_quantity: number;
}

@Event({ type: 'order.paid', family: 'orders', key: 'customer_id', description: 'The payment of an order came in.' })
export class OrderPaid extends OrderEvent {
  readonly event_type: 'order.paid';
  @Identifier('The payment, as the payment provider names it.', { example: 'pay_3PqX9T2eZvKYlo2C' })
  readonly payment_id: string;
  @OneOf(PAYMENT_METHODS, 'How it was paid.') readonly payment_method: (typeof PAYMENT_METHODS)[number];
  @Money('Amount that was paid.', { example: '259.80' }) readonly payment_amount: string;
}

@Event({
  type: 'order.shipped',
  family: 'orders',
  key: 'customer_id',
  description: 'The vendor handed an order over to a carrier.',
})
export class OrderShipped extends OrderEvent {
  readonly event_type: 'order.shipped';
  @Text('The carrier.', { maxLength: 64, example: 'DHL' }) readonly carrier: string;
  @Identifier("The carrier's number of the shipment.", { nullable: true, example: 'JD014600006281230704' })
  readonly tracking_id?: string | null;
}

@Event({
  type: 'order.delivered',
  family: 'orders',
  key: 'customer_id',
  description: 'The carrier delivered an order.',
})
export class OrderDelivered extends OrderEvent {
  readonly event_type: 'order.delivered';
  @Text('The carrier.', { maxLength: 64, example: 'DHL' }) readonly carrier: string;
  @Identifier("The carrier's number of the shipment.", { nullable: true, example: 'JD014600006281230704' })
  readonly tracking_id?: string | null;
  @WholeNumber('The attempt at delivery that succeeded, from 1.', { min: 1, max: 20, nullable: true })
  readonly delivery_attempt?: number | null;
}

@Event({
  type: 'order.cancelled',
  family: 'orders',
  key: 'customer_id',
  description: 'An order was cancelled before it was delivered.',
})
export class OrderCancelled extends OrderEvent {
  readonly event_type: 'order.cancelled';
  @OneOf(CANCELLED_BY, 'Who cancelled it.') readonly cancelled_by: (typeof CANCELLED_BY)[number];
  @OneOf(CANCEL_REASONS, 'Why it was cancelled.') readonly cancel_reason: (typeof CANCEL_REASONS)[number];
}

@Event({
  type: 'order.returned',
  family: 'orders',
  key: 'customer_id',
  description: 'The customer sent a delivered order back, in whole or in part.',
})
export class OrderReturned extends OrderEvent {
  readonly event_type: 'order.returned';
  @OneOf(RETURN_REASONS, 'Why it was returned.') readonly return_reason: (typeof RETURN_REASONS)[number];
  @WholeNumber('Pieces that were returned.', { min: 1, max: 1000 }) readonly returned_quantity: number;
  @Money('Amount that is paid back.') readonly refund_amount: string;
}

@Event({
  type: 'order.rated',
  family: 'orders',
  key: 'customer_id',
  description: 'The customer rated a delivered order.',
})
export class OrderRated extends OrderEvent {
  readonly event_type: 'order.rated';
  @WholeNumber('Rating of the order, 1 (worst) to 5.', { min: 1, max: 5, example: 4 }) readonly order_rating: number;
}

export const ORDER_EVENTS = [
  OrderPlaced,
  OrderPaid,
  OrderShipped,
  OrderDelivered,
  OrderCancelled,
  OrderReturned,
  OrderRated,
] as const;
