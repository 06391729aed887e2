import { type Vendor } from './vendors';

/** What never changes of a product. */
export interface Product {
  readonly number: number;
  readonly sku: string;
  readonly vendor: Vendor;
  readonly listedMicros: number;
  readonly listedPeriod: number;
  /** The period whose change delists the product. Infinity: none. */
  readonly delistedPeriod: number;
  readonly basePrice: number;
  readonly noun: string;
  readonly renamePhase: number;
  /** Cents of the version that was asked for last. */
  readonly price: { version: number; cents: number };
  readonly texts: { version: number; name: string };
}
