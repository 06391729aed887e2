import { VERTICALS, type Vertical } from '@orderstream/contracts';
import { type Identities } from './identity';
import { money } from './money';
import { entry, type Pools } from './pools';
import { SAME_INSTANT_TICKS } from './schedule';

/** A vendor. Its attributes follow from its index and the version of each. */
export interface Vendor {
  readonly index: number;
  readonly id: string;
  readonly vertical: Vertical;
  nameVersion: number;
  addressVersion: number;
  name: string;
  address: string;
  /** Sequence number of its last event. */
  changedSeq: number;
  /** Sequence number of the last order that quoted it. */
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
  /** Number of journeys that may still order it. It is not delisted before they end. */
  inUse: number;
}

/** index, nameVersion, addressVersion, changedSeq, quotedSeq */
export type VendorState = readonly [number, number, number, number, number];

const LEAST_PRICE_CENTS = 1_000;
const PRICE_STEPS = 99_001;
/** Coprime to the number of prices, so that a price change always changes the price. */
const PRICE_STEP = 7_919;

const NEVER = -SAME_INSTANT_TICKS;

/** Creates vendors and products. The next version of a name or address is the next entry of its pool. */
export class CatalogEntities {
  constructor(
    private readonly identities: Identities,
    private readonly pools: Pools,
  ) {}

  newVendor(index: number, seq: number): Vendor {
    return this.vendor([index, 0, 0, seq, NEVER]);
  }

  vendor([index, nameVersion, addressVersion, changedSeq, quotedSeq]: VendorState): Vendor {
    return {
      index,
      id: this.identities.sha256('vendor', index),
      vertical: entry(VERTICALS, this.identities.draw('vendor-vertical', index, VERTICALS.length)),
      nameVersion,
      addressVersion,
      name: this.vendorName(index, nameVersion),
      address: this.vendorAddress(index, addressVersion),
      changedSeq,
      quotedSeq,
    };
  }

  newProduct(index: number, vendor: Vendor, seq: number): Product {
    return this.product(index, vendor, 0, 0, seq, NEVER);
  }

  product(
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

  renameVendor(vendor: Vendor): void {
    vendor.name = this.vendorName(vendor.index, ++vendor.nameVersion);
  }

  moveVendor(vendor: Vendor): void {
    vendor.address = this.vendorAddress(vendor.index, ++vendor.addressVersion);
  }

  renameProduct(product: Product): void {
    product.name = this.productName(product.index, product.vendor.vertical, ++product.nameVersion);
  }

  changePrice(product: Product): void {
    product.price = this.price(product.index, ++product.priceVersion);
  }

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
    return money(LEAST_PRICE_CENTS + ((first + version * PRICE_STEP) % PRICE_STEPS));
  }
}
