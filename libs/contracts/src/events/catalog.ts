import { Event, MarketplaceEvent } from '../event';
import { Money, OneOf, Sha256, Text, Uuid } from '../fields';
import { EXAMPLE } from './examples';
import { VERTICALS, type Vertical } from './verticals';

/** Each event contains the vendor's full state, which replaces the earlier one. */
abstract class VendorEvent extends MarketplaceEvent {
  @Sha256('Id of the vendor. The record key of vendor events.', { example: EXAMPLE.vendorId })
  readonly vendor_id: string;
  @Text("The vendor's name.", { maxLength: 256, personal: true, example: 'Becker and Sons' })
  readonly vendor_name: string;
  @Text("The vendor's postal address.", { maxLength: 512, personal: true, example: '7 Mill Road, Springfield' })
  readonly vendor_address: string;
  @OneOf(VERTICALS, 'Line of goods of the vendor.') readonly vendor_vertical: Vertical;
}

/** Each event contains the product's full state, which replaces the earlier one. */
abstract class ProductEvent extends MarketplaceEvent {
  @Uuid('Id of the item. The record key of product events.', { example: EXAMPLE.itemSku }) readonly item_sku: string;
  @Sha256('Id of the vendor who sells the item.', { example: EXAMPLE.vendorId }) readonly vendor_id: string;
  @Text("The item's name.", { maxLength: 256, example: 'Desk lamp' }) readonly item_name: string;
  @Money('Price of one piece of the item.') readonly item_price: string;
}

@Event({
  type: 'vendor.onboarded',
  family: 'catalog',
  key: 'vendor_id',
  description: 'A vendor joined the marketplace.',
})
export class VendorOnboarded extends VendorEvent {
  readonly event_type: 'vendor.onboarded';
}

@Event({
  type: 'vendor.updated',
  family: 'catalog',
  key: 'vendor_id',
  description: 'The name, address or vertical of a vendor changed.',
})
export class VendorUpdated extends VendorEvent {
  readonly event_type: 'vendor.updated';
}

@Event({
  type: 'product.listed',
  family: 'catalog',
  key: 'item_sku',
  description: 'A vendor offers a new item, or offers a delisted one again.',
})
export class ProductListed extends ProductEvent {
  readonly event_type: 'product.listed';
}

@Event({
  type: 'product.price_changed',
  family: 'catalog',
  key: 'item_sku',
  description: "An item's price changed. item_price is the new price.",
})
export class ProductPriceChanged extends ProductEvent {
  readonly event_type: 'product.price_changed';
  @Money('Price of one piece before the change, if it is known.', { nullable: true, example: '149.90' })
  readonly previous_item_price?: string | null;
}

@Event({
  type: 'product.updated',
  family: 'catalog',
  key: 'item_sku',
  description: 'A field of an item other than its price changed.',
})
export class ProductUpdated extends ProductEvent {
  readonly event_type: 'product.updated';
}

@Event({
  type: 'product.delisted',
  family: 'catalog',
  key: 'item_sku',
  description: 'An item is no longer offered. It stays in the catalog, so that earlier orders keep a valid reference.',
})
export class ProductDelisted extends ProductEvent {
  readonly event_type: 'product.delisted';
}

export const CATALOG_EVENTS = [
  VendorOnboarded,
  VendorUpdated,
  ProductListed,
  ProductPriceChanged,
  ProductUpdated,
  ProductDelisted,
] as const;
