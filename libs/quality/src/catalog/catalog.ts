import {
  type Announcement,
  announcementOf,
  type Entity,
  isSameProduct,
  isSameVendor,
  type ProductVersion,
  type VendorVersion,
} from './catalog-event';
import { VersionHistory } from './version-history';

/** The catalog as the rules see it. */
export interface CatalogView {
  vendor(vendorId: string): VersionHistory<VendorVersion> | undefined;
  product(itemSku: string): VersionHistory<ProductVersion> | undefined;
  /** Whether entities are missing that were announced. If so, an unknown entity may exist. */
  readonly truncated: boolean;
  /** Whether announcements are missing because the validator of the catalog makes no progress. */
  readonly behind: boolean;
}

export interface CatalogLimits {
  /** Most vendors, and most products. */
  readonly maxEntities: number;
  /** Most versions of each. */
  readonly maxVersions: number;
}

export const DEFAULT_CATALOG_LIMITS: CatalogLimits = { maxEntities: 500_000, maxVersions: 32 };

/** A vendor or product with its versions. */
export type CatalogEntity = { readonly id: string } & (
  | { readonly entity: 'vendor'; readonly history: VersionHistory<VendorVersion> }
  | { readonly entity: 'product'; readonly history: VersionHistory<ProductVersion> }
);

/** Vendors and products with their versions. A delisted product stays in the catalog. */
export class Catalog implements CatalogView {
  private readonly vendors = new Map<string, VersionHistory<VendorVersion>>();
  private readonly products = new Map<string, VersionHistory<ProductVersion>>();
  truncated = false;
  readonly behind = false;
  /** Every version of the entities that left is before this time. */
  private leftBeforeMicros = -Infinity;

  constructor(readonly limits: CatalogLimits = DEFAULT_CATALOG_LIMITS) {}

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
    const announcement = announcementOf(body);
    if (announcement === undefined) return;
    this.set(announce(this.copyOf(announcement), announcement));
  }

  /** Sets an entity with all its versions. Above the bound the one that was set first leaves. */
  set(item: CatalogEntity): void {
    if (item.entity === 'vendor') this.put(this.vendors, item.id, item.history);
    else this.put(this.products, item.id, item.history);
  }

  /**
   * Entities may be missing that were announced.
   * @param missingBeforeMicros every version that is missing of them is before this time, if that is known
   */
  truncate(missingBeforeMicros: number | undefined): void {
    this.truncated = true;
    this.leftBeforeMicros = Math.max(this.leftBeforeMicros, missingBeforeMicros ?? -Infinity);
  }

  *entities(): Generator<CatalogEntity> {
    for (const [id, history] of this.vendors) yield { entity: 'vendor', id, history };
    for (const [id, history] of this.products) yield { entity: 'product', id, history };
  }

  delete(entity: Entity, id: string): void {
    (entity === 'vendor' ? this.vendors : this.products).delete(id);
  }

  /**
   * A copy of an entity, to be changed and set. If the catalog does not have it: without versions. Then it may
   * have left with versions, or have been announced before what the catalog was built from.
   */
  copyOf({ entity, id, sinceMicros }: Pick<Announcement, 'entity' | 'id' | 'sinceMicros'>): CatalogEntity {
    if (entity === 'vendor') {
      const history = new VersionHistory<VendorVersion>(this.limits.maxVersions, isSameVendor);
      return { entity, id, history: this.copied(this.vendors.get(id), history, sinceMicros) };
    }
    const history = new VersionHistory<ProductVersion>(this.limits.maxVersions, isSameProduct);
    return { entity, id, history: this.copied(this.products.get(id), history, sinceMicros) };
  }

  private copied<V>(
    known: VersionHistory<V> | undefined,
    copy: VersionHistory<V>,
    sinceMicros: number,
  ): VersionHistory<V> {
    if (known !== undefined) return copy.restore(known);
    const missingBeforeMicros = this.truncated ? Math.max(this.leftBeforeMicros, sinceMicros) : undefined;
    return copy.restore({ entries: [], missingBeforeMicros, repeatedUntilMicros: undefined });
  }

  private put<V>(entities: Map<string, VersionHistory<V>>, id: string, history: VersionHistory<V>): void {
    entities.set(id, history);
    if (entities.size <= this.limits.maxEntities) return;
    for (const [oldest, left] of entities) {
      entities.delete(oldest);
      const lastMicros = Math.max(left.entries.at(-1)?.sinceMicros ?? 0, left.repeatedUntilMicros ?? 0);
      this.leftBeforeMicros = Math.max(this.leftBeforeMicros, lastMicros + 1, left.missingBeforeMicros ?? 0);
      break;
    }
    this.truncated = true;
  }
}

/** Adds an announcement to its entity. Returns the entity. */
export function announce(item: CatalogEntity, announcement: Announcement, following?: number): CatalogEntity {
  const { sinceMicros } = announcement;
  if (item.entity === 'vendor' && announcement.entity === 'vendor') {
    item.history.add(sinceMicros, announcement.value, following);
  }
  if (item.entity === 'product' && announcement.entity === 'product') {
    item.history.add(sinceMicros, announcement.value, following);
  }
  return item;
}
