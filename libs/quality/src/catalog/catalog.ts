import { timestampMicros } from '@orderstream/contracts';
import { VersionHistory } from './version-history';

export interface VendorVersion {
  readonly vendor_name: string;
  readonly vendor_address: string;
  readonly vendor_vertical: string;
}

export interface ProductVersion {
  readonly item_name: string;
}

/** The catalog as the rules see it. */
export interface CatalogView {
  vendor(vendorId: string): VersionHistory<VendorVersion> | undefined;
  product(itemSku: string): VersionHistory<ProductVersion> | undefined;
  /** Whether entities were dropped because of `maxEntities`. If so, a missing entity may exist. */
  readonly truncated: boolean;
}

export interface CatalogLimits {
  /** Most vendors, and most products. */
  readonly maxEntities: number;
  /** Most versions of each. */
  readonly maxVersions: number;
}

export const DEFAULT_CATALOG_LIMITS: CatalogLimits = { maxEntities: 500_000, maxVersions: 32 };

/** Vendors and products, built from the validated catalog events. A delisted product stays in the catalog. */
export class Catalog implements CatalogView {
  private readonly vendors = new Map<string, VersionHistory<VendorVersion>>();
  private readonly products = new Map<string, VersionHistory<ProductVersion>>();
  truncated = false;

  constructor(private readonly limits: CatalogLimits = DEFAULT_CATALOG_LIMITS) {}

  vendor(vendorId: string): VersionHistory<VendorVersion> | undefined {
    return this.vendors.get(vendorId);
  }

  product(itemSku: string): VersionHistory<ProductVersion> | undefined {
    return this.products.get(itemSku);
  }

  get size(): number {
    return this.vendors.size + this.products.size;
  }

  /** Adds one validated catalog event. Ignores a body that is not one. */
  apply(body: unknown): void {
    if (typeof body !== 'object' || body === null) return;
    const event = body as Readonly<Record<string, unknown>>;
    const { event_type, occurred_at, vendor_id, item_sku } = event;
    if (typeof event_type !== 'string' || typeof occurred_at !== 'string') return;
    const since = timestampMicros(occurred_at);
    if (event_type.startsWith('vendor.') && typeof vendor_id === 'string') {
      const { vendor_name, vendor_address, vendor_vertical } = event;
      if (
        typeof vendor_name === 'string' &&
        typeof vendor_address === 'string' &&
        typeof vendor_vertical === 'string'
      ) {
        this.historyOf(this.vendors, vendor_id, sameVendor).add(since, {
          vendor_name,
          vendor_address,
          vendor_vertical,
        });
      }
    } else if (event_type.startsWith('product.') && typeof item_sku === 'string') {
      const { item_name } = event;
      if (typeof item_name === 'string') this.historyOf(this.products, item_sku, sameProduct).add(since, { item_name });
    }
  }

  private historyOf<V>(
    entities: Map<string, VersionHistory<V>>,
    id: string,
    same: (a: V, b: V) => boolean,
  ): VersionHistory<V> {
    let history = entities.get(id);
    if (history === undefined) {
      history = new VersionHistory<V>(this.limits.maxVersions, same);
      entities.set(id, history);
      if (entities.size > this.limits.maxEntities) {
        for (const oldest of entities.keys()) {
          entities.delete(oldest);
          break;
        }
        this.truncated = true;
      }
    }
    return history;
  }
}

const sameVendor = (a: VendorVersion, b: VendorVersion): boolean =>
  a.vendor_name === b.vendor_name && a.vendor_address === b.vendor_address && a.vendor_vertical === b.vendor_vertical;

const sameProduct = (a: ProductVersion, b: ProductVersion): boolean => a.item_name === b.item_name;
