import { seedKey, type SeedKey } from './random/draws';
import { Customers } from './population/customers';
import { Growth } from './population/growth';
import { Popularity, Products } from './population/products';
import { Sales } from './population/sales';
import { Vendors } from './population/vendors';
import { type Scenario } from './scenario/schema';
import { MICROS_PER_MS, MS_PER_DAY, MS_PER_HOUR } from './time/timestamps';

/**
 * Version of the function: a change of any event's content raises it. Two versions have different people, because the
 * version is a part of the seed.
 */
export const SIMULATION_VERSION = 1;

/** Shares of the sizes that exist at the opening. */
const INITIAL_VENDORS = 0.25;
const INITIAL_PRODUCTS = 0.2;
const INITIAL_CUSTOMERS = 0.02;

/**
 * The people and goods of a marketplace, as a function of seed and scenario. Nothing is held but caches of a fixed size,
 * and the weights of the products' popularity.
 */
export class Marketplace {
  readonly key: SeedKey;
  readonly vendors: Vendors;
  readonly products: Products;
  readonly customers: Customers;
  readonly popularity: Popularity;
  readonly sales: Sales;

  constructor(
    readonly seed: string,
    readonly scenario: Scenario,
    readonly simulationVersion: number = SIMULATION_VERSION,
  ) {
    const { population, catalog } = scenario;
    this.key = seedKey(`${String(simulationVersion)}/${seed}`);
    const openedMicros = Date.parse(population.openedAt) * MICROS_PER_MS;
    const sizeMicros = Date.parse(population.sizeAt) * MICROS_PER_MS;
    const growth = (kind: string, size: number, initial: number, exponent: number, leadDays: number): Growth =>
      new Growth(this.key, kind, { openedMicros, sizeMicros, initial, size, exponent, leadDays });
    const initialVendors = Math.min(
      Math.max(7, Math.ceil(population.vendors * INITIAL_VENDORS)),
      population.vendors - 1,
    );
    const initialProducts = Math.min(
      Math.max(14, Math.ceil(population.products * INITIAL_PRODUCTS)),
      population.products - 1,
    );
    const initialCustomers = Math.max(100, Math.ceil(population.customers * INITIAL_CUSTOMERS));
    const products = growth('product', population.products, initialProducts, 1, 0);
    this.vendors = new Vendors(
      this.key,
      scenario,
      growth('vendor', population.vendors, initialVendors, 1, 30),
      catalog.vendorChangeDays * MS_PER_DAY * MICROS_PER_MS,
    );
    this.sales = new Sales(this.key, scenario.effects, products);
    this.products = new Products(
      this.key,
      scenario,
      products,
      this.vendors,
      this.sales,
      catalog.productChangeHours * MS_PER_HOUR * MICROS_PER_MS,
    );
    this.customers = new Customers(
      this.key,
      scenario,
      growth('customer', population.customers, initialCustomers, population.growth, 0),
      scenario.customerChangeDays * MS_PER_DAY * MICROS_PER_MS,
    );
    this.popularity = new Popularity(this.key, scenario.popularity, this.products);
  }

  vendorsAt(ms: number): number {
    return this.vendors.growth.countAt(ms * MICROS_PER_MS);
  }

  productsAt(ms: number): number {
    return this.products.growth.countAt(ms * MICROS_PER_MS);
  }

  customersAt(ms: number): number {
    return this.customers.growth.countAt(ms * MICROS_PER_MS);
  }
}
