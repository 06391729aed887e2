import { Event, MarketplaceEvent } from '../event';
import { Identifier, Money, OneOf, Sha256, Text, Timestamp, Uuid, WholeNumber } from '../fields';
import { EXAMPLE } from './examples';
import { VERTICALS, type Vertical } from './verticals';

export const PAYMENT_METHODS = ['card', 'bank_transfer', 'wallet', 'cash_on_delivery', 'gift_card'] as const;
export const CANCELLED_BY = ['customer', 'vendor', 'marketplace'] as const;
export const CANCEL_REASONS = ['changed_mind', 'out_of_stock', 'payment_failed', 'fraud_suspected', 'other'] as const;
export const RETURN_REASONS = ['changed_mind', 'damaged', 'not_as_described', 'wrong_item', 'other'] as const;

/**
 * The fields of every order event. order_placed_at distinguishes an event of an unknown order from one of an order that
 * is older than the validator's memory.
 */
abstract class OrderEvent extends MarketplaceEvent {
  @Sha256('Id of the order.', { example: EXAMPLE.orderId }) readonly order_id: string;
  @Timestamp('When the order was placed. Not before customer_registered_at.') readonly order_placed_at: string;
  @Sha256('Id of the customer who placed the order. The record key.', { example: EXAMPLE.customerId })
  readonly customer_id: string;
}

@Event({
  type: 'order.placed',
  family: 'orders',
  key: 'customer_id',
  description:
    'A customer placed an order. order_placed_at is the time of the order, and occurred_at the time of the event, by ' +
    'which the table is partitioned. They differ if the producer reports the order later. The event has the 13 ' +
    'columns of the original data set.',
})
export class OrderPlaced extends OrderEvent {
  readonly event_type: 'order.placed';
  @WholeNumber('Rating of the order from 1 (worst) to 5, if it is known.', {
    min: 1,
    max: 5,
    nullable: true,
    example: 4,
  })
  readonly order_rating?: number | null;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @Text("The vendor's name.", { maxLength: 256, personal: true, example: 'Becker and Sons' })
  readonly vendor_name: string;
  @Text("The vendor's postal address.", { maxLength: 512, personal: true, example: '7 Mill Road, Springfield' })
  readonly vendor_address: string;
  @OneOf(VERTICALS, 'Line of goods of the vendor.') readonly vendor_vertical: Vertical;
  @Timestamp('When the customer registered.', { example: EXAMPLE.registeredAt })
  readonly customer_registered_at: string;
  @Uuid('Id of the item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Text("The item's name.", { maxLength: 256, example: 'Desk lamp' }) readonly item_name: string;
  @Money('Price of one piece of the item.') readonly item_price: string;
  @WholeNumber('Number of pieces.', { min: 1, max: 1000, example: 2 }) readonly item_quantity: number;
}

@Event({
  type: 'order.paid',
  family: 'orders',
  key: 'customer_id',
  description: 'The payment of an order was received.',
})
export class OrderPaid extends OrderEvent {
  readonly event_type: 'order.paid';
  @Identifier('Id of the payment at the payment provider.', { example: 'pay_3PqX9T2eZvKYlo2C' })
  readonly payment_id: string;
  @OneOf(PAYMENT_METHODS, 'Payment method.') readonly payment_method: (typeof PAYMENT_METHODS)[number];
  @Money('Amount paid.', { example: '259.80' }) readonly payment_amount: string;
}

@Event({
  type: 'order.shipped',
  family: 'orders',
  key: 'customer_id',
  description: 'The vendor handed an order to a carrier.',
})
export class OrderShipped extends OrderEvent {
  readonly event_type: 'order.shipped';
  @Text('Name of the carrier.', { maxLength: 64, example: 'DHL' }) readonly carrier: string;
  @Identifier('Tracking number of the carrier.', { nullable: true, example: 'JD014600006281230704' })
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
  @Text('Name of the carrier.', { maxLength: 64, example: 'DHL' }) readonly carrier: string;
  @Identifier('Tracking number of the carrier.', { nullable: true, example: 'JD014600006281230704' })
  readonly tracking_id?: string | null;
  @WholeNumber('Number of the delivery attempt that succeeded, from 1.', { min: 1, max: 20, nullable: true })
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
  @OneOf(CANCELLED_BY, 'Who cancelled the order.') readonly cancelled_by: (typeof CANCELLED_BY)[number];
  @OneOf(CANCEL_REASONS, 'Reason for the cancellation.') readonly cancel_reason: (typeof CANCEL_REASONS)[number];
}

@Event({
  type: 'order.returned',
  family: 'orders',
  key: 'customer_id',
  description: 'The customer returned a delivered order, in whole or in part.',
})
export class OrderReturned extends OrderEvent {
  readonly event_type: 'order.returned';
  @OneOf(RETURN_REASONS, 'Reason for the return.') readonly return_reason: (typeof RETURN_REASONS)[number];
  @WholeNumber('Number of pieces returned.', { min: 1, max: 1000 }) readonly returned_quantity: number;
  @Money('Amount refunded.') readonly refund_amount: string;
}

@Event({
  type: 'order.rated',
  family: 'orders',
  key: 'customer_id',
  description: 'The customer rated a delivered order.',
})
export class OrderRated extends OrderEvent {
  readonly event_type: 'order.rated';
  @WholeNumber('Rating of the order from 1 (worst) to 5.', { min: 1, max: 5, example: 4 })
  readonly order_rating: number;
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
