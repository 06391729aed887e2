import { Event, MarketplaceEvent } from '../event';
import { Country, Money, OneOf, Sha256, Text, Uuid, WholeNumber } from '../fields';
import { EXAMPLE } from './examples';
import { VERTICALS, type Vertical } from './verticals';

export const DEVICES = ['desktop', 'mobile', 'tablet', 'app'] as const;
export const CHANNELS = ['direct', 'search', 'email', 'social', 'advertisement'] as const;

abstract class InteractionEvent extends MarketplaceEvent {
  @Uuid('The visit that this belongs to.', { example: EXAMPLE.sessionId }) readonly session_id: string;
  @Sha256('The customer who visits. The record key.', { example: EXAMPLE.customerId }) readonly customer_id: string;
}

@Event({
  type: 'session.started',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer opened the shop.',
})
export class SessionStarted extends InteractionEvent {
  readonly event_type: 'session.started';
  @OneOf(DEVICES, 'What the customer visits with.') readonly device: (typeof DEVICES)[number];
  @OneOf(CHANNELS, 'What led the customer here.') readonly channel: (typeof CHANNELS)[number];
  @Country('The country of the visit, where it is known.', { nullable: true }) readonly visit_country?: string | null;
}

@Event({
  type: 'product.viewed',
  family: 'interactions',
  key: 'customer_id',
  description: "A customer looked at an item's page.",
})
export class ProductViewed extends InteractionEvent {
  readonly event_type: 'product.viewed';
  @Uuid('The item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('The vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
}

@Event({
  type: 'search.performed',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer searched the shop.',
})
export class SearchPerformed extends InteractionEvent {
  readonly event_type: 'search.performed';
  @Text('What the customer typed.', { maxLength: 256, personal: true, example: 'red desk lamp' })
  readonly search_terms: string;
  @OneOf(VERTICALS, 'The line of goods that the search was narrowed to.', { nullable: true })
  readonly search_vertical?: Vertical | null;
  @WholeNumber('Items that were found.', { min: 0, max: 1_000_000, example: 42 }) readonly result_count: number;
}

@Event({
  type: 'cart.item_added',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer put an item into the cart.',
})
export class CartItemAdded extends InteractionEvent {
  readonly event_type: 'cart.item_added';
  @Uuid('The item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('The vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Pieces that were added or removed.', { min: 1, max: 1000, example: 2 }) readonly item_quantity: number;
  @Money('Price of one piece, as the customer saw it.') readonly item_price: string;
}

@Event({
  type: 'cart.item_removed',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer took an item out of the cart.',
})
export class CartItemRemoved extends InteractionEvent {
  readonly event_type: 'cart.item_removed';
  @Uuid('The item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('The vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Pieces that were added or removed.', { min: 1, max: 1000 }) readonly item_quantity: number;
}

@Event({
  type: 'checkout.started',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer went to the checkout.',
})
export class CheckoutStarted extends InteractionEvent {
  readonly event_type: 'checkout.started';
  @WholeNumber('Different items in the cart.', { min: 1, max: 1000, example: 3 }) readonly cart_items: number;
  @Money('Price of all that is in the cart.', { example: '389.70' }) readonly cart_value: string;
}

@Event({
  type: 'review.submitted',
  family: 'interactions',
  key: 'customer_id',
  description: 'A customer wrote about an item.',
})
export class ReviewSubmitted extends InteractionEvent {
  readonly event_type: 'review.submitted';
  @Uuid('The item.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('The vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @WholeNumber('Rating of the item, 1 (worst) to 5.', { min: 1, max: 5, example: 5 }) readonly review_rating: number;
  @Text('What the customer wrote.', { maxLength: 4000, personal: true, nullable: true, example: 'Bright and sturdy.' })
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
