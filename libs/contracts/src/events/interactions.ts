import { Event, MarketplaceEvent } from '../event';
import { Country, Money, OneOf, Sha256, Text, Uuid, WholeNumber } from '../fields';
import { EXAMPLE } from './examples';
import { VERTICALS, type Vertical } from './verticals';

export const DEVICES = ['desktop', 'mobile', 'tablet', 'app'] as const;
export const CHANNELS = ['direct', 'search', 'email', 'social', 'advertisement'] as const;

abstract class InteractionEvent extends MarketplaceEvent {
  @Uuid('Id of the session.', { example: EXAMPLE.sessionId }) readonly session_id: string;
  @Sha256('Id of the customer. The record key.', { example: EXAMPLE.customerId }) readonly customer_id: string;
}

@Event({
  type: 'session.started',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer started a session in the shop.',
})
export class SessionStarted extends InteractionEvent {
  readonly event_type: 'session.started';
  @OneOf(DEVICES, 'Device of the session.') readonly device: (typeof DEVICES)[number];
  @OneOf(CHANNELS, 'Channel through which the customer arrived.') readonly channel: (typeof CHANNELS)[number];
  @Country('Country of the session, if it is known.', { nullable: true }) readonly visit_country?: string | null;
}

@Event({
  type: 'product.viewed',
  family: 'interactions',
  key: 'customer_id',
  description: "A customer looked at an item's page.",
})
export class ProductViewed extends InteractionEvent {
  readonly event_type: 'product.viewed';
  @Uuid('Id of the item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
}

@Event({
  type: 'search.performed',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer searched the shop.',
})
export class SearchPerformed extends InteractionEvent {
  readonly event_type: 'search.performed';
  @Text('Search terms that the customer entered.', { maxLength: 256, personal: true, example: 'red desk lamp' })
  readonly search_terms: string;
  @OneOf(VERTICALS, 'Line of goods that the search was limited to, if any.', { nullable: true })
  readonly search_vertical?: Vertical | null;
  @WholeNumber('Number of items found.', { min: 0, max: 1_000_000, example: 42 }) readonly result_count: number;
}

@Event({
  type: 'cart.item_added',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer put an item into the cart.',
})
export class CartItemAdded extends InteractionEvent {
  readonly event_type: 'cart.item_added';
  @Uuid('Id of the item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Number of pieces added or removed.', { min: 1, max: 1000, example: 2 }) readonly item_quantity: number;
  @Money('Price of one piece that the customer saw.') readonly item_price: string;
}

@Event({
  type: 'cart.item_removed',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer took an item out of the cart.',
})
export class CartItemRemoved extends InteractionEvent {
  readonly event_type: 'cart.item_removed';
  @Uuid('Id of the item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Number of pieces added or removed.', { min: 1, max: 1000 }) readonly item_quantity: number;
}

@Event({
  type: 'checkout.started',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer started the checkout.',
})
export class CheckoutStarted extends InteractionEvent {
  readonly event_type: 'checkout.started';
  @WholeNumber('Number of different items in the cart.', { min: 1, max: 1000, example: 3 }) readonly cart_items: number;
  @Money('Total price of the cart.', { example: '389.70' }) readonly cart_value: string;
}

@Event({
  type: 'review.submitted',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer submitted a review of an item.',
})
export class ReviewSubmitted extends InteractionEvent {
  readonly event_type: 'review.submitted';
  @Uuid('Id of the item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Rating of the item from 1 (worst) to 5.', { min: 1, max: 5, example: 5 })
  readonly review_rating: number;
  @Text('Text of the review.', { maxLength: 4000, personal: true, nullable: true, example: 'Bright and sturdy.' })
  readonly review_text?: string | null;
}

export const INTERACTION_EVENTS = [
  SessionStarted,
  ProductViewed,
  SearchPerformed,
  CartItemAdded,
  CartItemRemoved,
  CheckoutStarted,
  ReviewSubmitted,
] as const;
