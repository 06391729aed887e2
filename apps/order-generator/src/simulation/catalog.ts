import { type EventType, VERTICALS, type Vertical } from '@orderstream/contracts';
import { SAME_INSTANT_TICKS } from './epochs';
import { type Identities } from './identity';
import { entry, type Pools } from './pools';
import { type Rng } from '@orderstream/random';

/** A vendor as the marketplace knows it. What it is called follows from its index and how often that changed. */
export interface Vendor {
  readonly index: number;
  readonly id: string;
  readonly vertical: Vertical;
  nameVersion: number;
  addressVersion: number;
  name: string;
  address: string;
  /** Sequence number of the last event that told of it, and of the last order that quoted it. */
  changedSeq: number;
  quotedSeq: number;
}

export interface Product {
  readonly index: number;
  readonly sku: string;
  readonly vendor: Vendor;
  nameVersion: number;
  priceVersion: number;
  name: string;
  /** Decimal string with 2 decimals, 10.00 to 1000.00. */
  price: string;
  changedSeq: number;
  quotedSeq: number;
  /** Journeys that may still order it. It is not delisted before they end. */
  inUse: number;
}

export interface CatalogState {
  readonly nextVendor: number;
  readonly nextProduct: number;
  /** index, nameVersion, addressVersion, changedSeq, quotedSeq */
  readonly vendors: readonly (readonly [number, number, number, number, number])[];
  /** index, position of the vendor in `vendors`, nameVersion, priceVersion, changedSeq, quotedSeq */
  readonly products: readonly (readonly [number, number, number, number, number, number])[];
}

/** The body of a catalog event less what every event has, and the record's key. */
export interface CatalogChange {
  readonly type: EventType;
  readonly key: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const LEAST_PRICE_CENTS = 1_000;
const PRICE_STEPS = 99_001;
const CHANGES_TRIED = 4;

export const money = (cents: number): string => (cents / 100).toFixed(2);
/** Cents of a decimal string with 2 decimals. */
export const centsOf = (amount: string): number => Math.round(Number(amount) * 100);

const settled = (seq: number, at: number): boolean => seq - at >= SAME_INSTANT_TICKS;

/**
 * Vendors and what they offer. An entity never changes within one instant of an order that quotes it (in either order),
 * so that "the catalog at the time of the order" has one meaning at every resolution of the clock.
 */
export class Catalog {
  private vendors: Vendor[] = [];
  private products: Product[] = [];
  private nextVendor = 0;
  private nextProduct = 0;

  constructor(
    private readonly identities: Identities,
    private readonly pools: Pools,
  ) {}

  get size(): { readonly vendors: number; readonly products: number } {
    return { vendors: this.vendors.length, products: this.products.length };
  }

  onboard(seq: number): CatalogChange {
    const vendor = this.makeVendor(this.nextVendor++, 0, 0, seq, -SAME_INSTANT_TICKS);
    this.vendors.push(vendor);
    return vendorChange('vendor.onboarded', vendor);
  }

  /** A vendor moves or takes another name. */
  updateVendor(seq: number, rng: Rng): CatalogChange | undefined {
    const vendor = sample(this.vendors, rng, ({ changedSeq, quotedSeq }) =>
      settled(seq, Math.max(changedSeq, quotedSeq)),
    );
    if (vendor === undefined) return undefined;
    if (rng.chance(0.3)) vendor.name = this.vendorName(vendor.index, ++vendor.nameVersion);
    else vendor.address = this.vendorAddress(vendor.index, ++vendor.addressVersion);
    vendor.changedSeq = seq;
    return vendorChange('vendor.updated', vendor);
  }

  list(seq: number, rng: Rng): CatalogChange | undefined {
    const vendor = sample(this.vendors, rng, () => true);
    if (vendor === undefined) return undefined;
    const product = this.makeProduct(this.nextProduct++, vendor, 0, 0, seq, -SAME_INSTANT_TICKS);
    this.products.push(product);
    return productChange('product.listed', product);
  }

  changePrice(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => mayChange(candidate, seq));
    if (product === undefined) return undefined;
    const previous = product.price;
    product.price = this.price(product.index, ++product.priceVersion);
    product.changedSeq = seq;
    const change = productChange('product.price_changed', product);
    return { ...change, fields: { ...change.fields, previous_item_price: previous } };
  }

  rename(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => mayChange(candidate, seq));
    if (product === undefined) return undefined;
    product.name = this.productName(product.index, product.vendor.vertical, ++product.nameVersion);
    product.changedSeq = seq;
    return productChange('product.updated', product);
  }

  delist(seq: number, rng: Rng): CatalogChange | undefined {
    const product = sample(this.products, rng, (candidate) => candidate.inUse === 0 && mayChange(candidate, seq));
    if (product === undefined) return undefined;
    removeUnordered(this.products, product);
    return productChange('product.delisted', product);
  }

  /** A product that an order at this point may quote. */
  offer(seq: number, rng: Rng): Product | undefined {
    return sample(this.products, rng, (product) => canBeQuoted(product, seq));
  }

  anyProduct(rng: Rng): Product | undefined {
    return sample(this.products, rng, () => true);
  }

  /** A change that is told and does not happen: for records that will be rejected. */
  pretendPrice(rng: Rng): CatalogChange | undefined {
    const product = this.anyProduct(rng);
    return product && productChange('product.price_changed', product);
  }

  productByIndex(): ReadonlyMap<number, Product> {
    return new Map(this.products.map((product) => [product.index, product]));
  }

  /** Forgets what was told of from `doubtFrom` on, and the products of such vendors. */
  retire(doubtFrom: number): ReadonlySet<Product> {
    const kept = this.vendors.filter(({ changedSeq }) => changedSeq < doubtFrom);
    const known = new Set(kept);
    const gone = new Set(this.products.filter((p) => p.changedSeq >= doubtFrom || !known.has(p.vendor)));
    this.vendors = kept;
    this.products = this.products.filter((product) => !gone.has(product));
    return gone;
  }

  get state(): CatalogState {
    const positions = new Map(this.vendors.map((vendor, position) => [vendor, position]));
    return {
      nextVendor: this.nextVendor,
      nextProduct: this.nextProduct,
      vendors: this.vendors.map((v) => [v.index, v.nameVersion, v.addressVersion, v.changedSeq, v.quotedSeq]),
      products: this.products.map((p) => [
        p.index,
        positions.get(p.vendor) ?? -1,
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
    this.vendors = state.vendors.map((v) => this.makeVendor(...v));
    this.products = state.products.map(([index, position, ...rest]) => {
      const vendor = this.vendors[position];
      if (vendor === undefined) throw new RangeError(`product ${index.toString()} has no vendor`);
      return this.makeProduct(index, vendor, ...rest);
    });
  }

  private makeVendor(index: number, name: number, address: number, changedSeq: number, quotedSeq: number): Vendor {
    return {
      index,
      id: this.identities.sha256('vendor', index),
      vertical: entry(VERTICALS, this.identities.draw('vendor-vertical', index, VERTICALS.length)),
      nameVersion: name,
      addressVersion: address,
      name: this.vendorName(index, name),
      address: this.vendorAddress(index, address),
      changedSeq,
      quotedSeq,
    };
  }

  private makeProduct(
    index: number,
    vendor: Vendor,
    nameVersion: number,
    priceVersion: number,
    changedSeq: number,
    quotedSeq: number,
  ): Product {
    return {
      index,
      sku: this.identities.uuid('product', index),
      vendor,
      nameVersion,
      priceVersion,
      name: this.productName(index, vendor.vertical, nameVersion),
      price: this.price(index, priceVersion),
      changedSeq,
      quotedSeq,
      inUse: 0,
    };
  }

  // A version moves on by one entry of the pool (by a coprime step for prices): a change always changes something.
  private vendorName(index: number, version: number): string {
    const { companies } = this.pools;
    return entry(companies, this.identities.draw('vendor-name', index, companies.length) + version);
  }

  private vendorAddress(index: number, version: number): string {
    const { addresses } = this.pools;
    return entry(addresses, this.identities.draw('vendor-address', index, addresses.length) + version);
  }

  private productName(index: number, vertical: Vertical, version: number): string {
    const names = this.pools.products[vertical];
    return entry(names, this.identities.draw('product-name', index, names.length) + version);
  }

  private price(index: number, version: number): string {
    const first = this.identities.draw('product-price', index, PRICE_STEPS);
    return money(LEAST_PRICE_CENTS + ((first + version * 7_919) % PRICE_STEPS));
  }
}

const mayChange = (product: Product, seq: number): boolean =>
  settled(seq, Math.max(product.changedSeq, product.quotedSeq));

/** Whether neither the product nor its vendor changed in this instant. */
export const canBeQuoted = (product: Product, seq: number): boolean =>
  settled(seq, Math.max(product.changedSeq, product.vendor.changedSeq));

/** Takes note that an order quotes the product. */
export function quote(product: Product, seq: number): void {
  product.quotedSeq = seq;
  product.vendor.quotedSeq = seq;
}

/** One of a few tries at random, not the first of all: constant time however much is unfit. */
function sample<T>(from: readonly T[], rng: Rng, fit: (candidate: T) => boolean): T | undefined {
  if (from.length === 0) return undefined;
  for (let tried = 0; tried < CHANGES_TRIED; tried++) {
    const candidate = from[rng.index(from.length)];
    if (candidate !== undefined && fit(candidate)) return candidate;
  }
  return undefined;
}

/** Constant time after the search; the last one takes its place. */
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
