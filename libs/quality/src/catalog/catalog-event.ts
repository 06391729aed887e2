import { timestampMicros } from '@orderstream/contracts';
import type { Reference } from '../verdict';

export interface VendorVersion {
  readonly vendor_name: string;
  readonly vendor_address: string;
  readonly vendor_vertical: string;
}

export interface ProductVersion {
  readonly item_name: string;
}

export type Entity = Reference['entity'];

/** What a catalog event says of its vendor or product: the fields that orders are compared with. */
export type Announcement = { readonly id: string; readonly sinceMicros: number } & (
  | { readonly entity: 'vendor'; readonly value: VendorVersion }
  | { readonly entity: 'product'; readonly value: ProductVersion }
);

/** The announcement of a validated catalog event; undefined for a body that is none. */
export function announcementOf(body: unknown): Announcement | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const event = body as Readonly<Record<string, unknown>>;
  const { event_type, occurred_at, vendor_id, item_sku } = event;
  if (typeof event_type !== 'string' || typeof occurred_at !== 'string') return undefined;
  const sinceMicros = timestampMicros(occurred_at);
  if (event_type.startsWith('vendor.') && typeof vendor_id === 'string') {
    const value = vendorVersionOf(event);
    return value && { entity: 'vendor', id: vendor_id, sinceMicros, value };
  }
  if (event_type.startsWith('product.') && typeof item_sku === 'string') {
    const value = productVersionOf(event);
    return value && { entity: 'product', id: item_sku, sinceMicros, value };
  }
  return undefined;
}

export function vendorVersionOf(fields: Readonly<Record<string, unknown>>): VendorVersion | undefined {
  const { vendor_name, vendor_address, vendor_vertical } = fields;
  return typeof vendor_name === 'string' && typeof vendor_address === 'string' && typeof vendor_vertical === 'string'
    ? { vendor_name, vendor_address, vendor_vertical }
    : undefined;
}

export function productVersionOf({ item_name }: Readonly<Record<string, unknown>>): ProductVersion | undefined {
  return typeof item_name === 'string' ? { item_name } : undefined;
}

export const isSameVendor = (a: VendorVersion, b: VendorVersion): boolean =>
  a.vendor_name === b.vendor_name && a.vendor_address === b.vendor_address && a.vendor_vertical === b.vendor_vertical;

export const isSameProduct = (a: ProductVersion, b: ProductVersion): boolean => a.item_name === b.item_name;
