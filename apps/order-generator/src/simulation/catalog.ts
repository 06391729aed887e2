import { type EventType } from '@orderstream/contracts';
import { type Rng } from '@orderstream/random';
import { CatalogEntities, type Product, type Vendor, type VendorState } from './catalog-entities';
import { type Identities } from './identity';
import { type Pools } from './pools';
import { SAME_INSTANT_TICKS } from './schedule';

export interface CatalogState {
  readonly nextVendor: number;
  readonly nextProduct: number;
  readonly vendors: readonly VendorState[];
  /** index, index of the vendor in `vendors`, nameVersion, priceVersion, changedSeq, quotedSeq */
  readonly products: readonly (readonly [number, number, number, number, number, number])[];
}

/** Key and body of a catalog event, without the fields that every event has. */
export interface CatalogChange {
  readonly type: EventType;
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const TRIES = 4;

const isAtAnotherInstant = (seq: number, lastSeq: number): boolean => seq - lastSeq >= SAME_INSTANT_TICKS;

/**
 * Vendors and their products. An entity never changes in the same instant as an order that quotes it, so that "the catalog
 * at the time of the order" is unambiguous at every resolution of the clock.
 */
export class Catalog {
  private vendors: Vendor[] = [];
  private products: Product[] = [];
  private nextVendor = 0;
  private nextProduct = 0;
  private readonly entities: CatalogEntities;

  constructor(identities: Identities, pools: Pools) {
    this.entities = new CatalogEntities(identities, pools);
  }

  get size(): { readonly vendors: number; readonly products: number } {
    return { vendors: this.vendors.length, products: this.products.length };
  }

  onboard(seq: number): CatalogChange {
    const vendor = this.entities.newVendor(this.nextVendor++, seq);
    this.vendors.push(vendor);
    return vendorChange('vendor.onboarded', vendor);
  }

  /** Changes the name or the address of a vendor. */
  updateVendor(seq: number, rng: Rng): CatalogChange | undefined {
    const vendor = sample(this.vendors, rng, ({ changedSeq, quotedSeq }) =>
      isAtAnotherInstant(seq, Math.max(changedSeq, quotedSeq)),
    );
    if (vendor === undefined) return undefined;
    if (rng.chance(0.3)) this.entities.renameVendor(vendor);
    else this.entities.moveVendor(vendor);
    vendor.changedSeq = seq;
    return vendorChange('vendor.updated', vendor);
  }

  list(seq: number, rng: Rng): CatalogChange | undefined {
    const vendor = sample(this.vendors, rng, () => true);
    if (vendor === undefined) return undefined;
    const product = this.entities.newProduct(this.nextProduct++, vendor, seq);
    this.products.push(product);
    return productChange('product.listed', product);
  }

  changePrice(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => mayChange(candidate, seq));
    if (product === undefined) return undefined;
    const previous = product.price;
    this.entities.changePrice(product);
    product.changedSeq = seq;
    const change = productChange('product.price_changed', product);
    return { ...change, fields: { ...change.fields, previous_item_price: previous } };
  }

  rename(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => mayChange(candidate, seq));
    if (product === undefined) return undefined;
    this.entities.renameProduct(product);
    product.changedSeq = seq;
    return productChange('product.updated', product);
  }

  delist(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => candidate.inUse === 0 && mayChange(candidate, seq));
    if (product === undefined) return undefined;
    removeUnordered(this.products, product);
    return productChange('product.delisted', product);
  }

  /** A product that an order with this sequence number may quote. */
  offer(seq: number, rng: Rng): Product | undefined {
    return sample(this.products, rng, (product) => canBeQuoted(product, seq));
  }

  anyProduct(rng: Rng): Product | undefined {
    return sample(this.products, rng, () => true);
  }

  /** A price change that leaves the catalog as it is: for records that will be rejected. */
  pretendPrice(rng: Rng): CatalogChange | undefined {
    const product = this.anyProduct(rng);
    return product && productChange('product.price_changed', product);
  }

  productByIndex(): ReadonlyMap<number, Product> {
    return new Map(this.products.map((product) => [product.index, product]));
  }

  /** Removes what changed from `unknownFrom` on, and the products of removed vendors. Returns the removed products. */
  retire(unknownFrom: number): ReadonlySet<Product> {
    this.vendors = this.vendors.filter(({ changedSeq }) => changedSeq < unknownFrom);
    const known = new Set(this.vendors);
    const removed = new Set(this.products.filter((p) => p.changedSeq >= unknownFrom || !known.has(p.vendor)));
    this.products = this.products.filter((product) => !removed.has(product));
    return removed;
  }

  get state(): CatalogState {
    const indexes = new Map(this.vendors.map((vendor, index) => [vendor, index]));
    return {
      nextVendor: this.nextVendor,
      nextProduct: this.nextProduct,
      vendors: this.vendors.map((v) => [v.index, v.nameVersion, v.addressVersion, v.changedSeq, v.quotedSeq]),
      products: this.products.map((p) => [
        p.index,
        indexes.get(p.vendor) ?? -1,
        p.nameVersion,
        p.priceVersion,
        p.changedSeq,
        p.quotedSeq,
      ]),
    };
  }

  restore(state: CatalogState): void {
    this.nextVendor = state.nextVendor;
    this.nextProduct = state.nextProduct;
    this.vendors = state.vendors.map((vendor) => this.entities.vendor(vendor));
    this.products = state.products.map(([index, vendorIndex, ...rest]) => {
      const vendor = this.vendors[vendorIndex];
      if (vendor === undefined) throw new RangeError(`product ${index.toString()} has no vendor`);
      return this.entities.product(index, vendor, ...rest);
    });
  }
}

const mayChange = (product: Product, seq: number): boolean =>
  isAtAnotherInstant(seq, Math.max(product.changedSeq, product.quotedSeq));

/** Whether neither the product nor its vendor changed in this instant. */
export const canBeQuoted = (product: Product, seq: number): boolean =>
  isAtAnotherInstant(seq, Math.max(product.changedSeq, product.vendor.changedSeq));

/** Records that an order quotes the product. */
export function quote(product: Product, seq: number): void {
  product.quotedSeq = seq;
  product.vendor.quotedSeq = seq;
}

/** Tries a few random candidates instead of searching for all that fit: constant time, however many do not fit. */
function sample<T>(from: readonly T[], rng: Rng, fits: (candidate: T) => boolean): T | undefined {
  if (from.length === 0) return undefined;
  for (let tried = 0; tried < TRIES; tried++) {
    const candidate = from[rng.index(from.length)];
    if (candidate !== undefined && fits(candidate)) return candidate;
  }
  return undefined;
}

/** The last item takes the place of the removed one. */
function removeUnordered<T>(list: T[], item: T): void {
  const at = list.indexOf(item);
  const last = list.pop();
  if (last !== undefined && last !== item && at >= 0) list[at] = last;
}

function vendorChange(type: EventType, vendor: Vendor): CatalogChange {
  return {
    type,
    key: vendor.id,
    fields: {
      vendor_id: vendor.id,
      vendor_name: vendor.name,
      vendor_address: vendor.address,
      vendor_vertical: vendor.vertical,
    },
  };
}

function productChange(type: EventType, product: Product): CatalogChange {
  return {
    type,
    key: product.sku,
    fields: {
      item_sku: product.sku,
      vendor_id: product.vendor.id,
      item_name: product.name,
      item_price: product.price,
    },
  };
}
