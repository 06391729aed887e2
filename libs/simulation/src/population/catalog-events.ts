import { type Marketplace } from '../marketplace';
import { type Producers } from '../producers';
import { Draws } from '../random/draws';
import { uuid } from '../random/hex';
import { type SimulatedEvent, simulatedEvent } from '../simulated-event';
import { MICROS_PER_MS, MICROS_PER_SECOND, timestamp } from '../time/timestamps';
import { UNCHANGED } from './change-slots';
import { type Customer } from './customers';
import { type Product } from './product';
import { money } from './products';
import { type Vendor } from './vendors';

/** Makes the events of the catalog and of the customers. */
export class PopulationEvents {
  private readonly announcements: Draws;
  private readonly ids: Readonly<Record<'vendor' | 'product' | 'customer' | 'sale', Draws>>;
  private readonly lateMicros: number;

  constructor(
    private readonly marketplace: Marketplace,
    private readonly producers: Producers,
  ) {
    const { key, scenario } = marketplace;
    this.announcements = new Draws(key, 'announcement');
    this.ids = {
      vendor: new Draws(key, 'vendor event'),
      product: new Draws(key, 'product event'),
      customer: new Draws(key, 'customer event'),
      sale: new Draws(key, 'sale event'),
    };
    this.lateMicros = scenario.catalog.lateSeconds * MICROS_PER_SECOND;
  }

  /** A vendor as it is when a segment starts. */
  announcedVendor(number: number, startMs: number): SimulatedEvent {
    const vendor = this.marketplace.vendors.get(number);
    const micros = startMs * MICROS_PER_MS;
    const version = this.marketplace.vendors.versionAt(vendor, micros);
    return this.vendorEvent('vendor.onboarded', vendor, version, micros, 0, this.announcementId(number, startMs, 0));
  }

  /** A product as it is when a segment starts; undefined if it is not listed. */
  announcedProduct(number: number, startMs: number): SimulatedEvent | undefined {
    const { products } = this.marketplace;
    const product = products.get(number);
    const micros = startMs * MICROS_PER_MS;
    if (!products.isListed(product, micros)) return undefined;
    const version = products.versionAt(product, micros);
    const id = this.announcementId(number, startMs, 1);
    return this.productEvent('product.listed', product, version, micros, 0, id);
  }

  /** How many of the first products are announced. */
  listedProducts(count: number, startMs: number): number {
    const { products } = this.marketplace;
    const micros = startMs * MICROS_PER_MS;
    let listed = 0;
    for (let number = 0; number < count; number++) if (products.isListed(products.get(number), micros)) listed++;
    return listed;
  }

  onboarded(number: number): SimulatedEvent {
    const vendor = this.marketplace.vendors.get(number);
    const id = uuid(this.ids.vendor.select(number, UNCHANGED), 0);
    return this.vendorEvent('vendor.onboarded', vendor, UNCHANGED, vendor.onboardedMicros, this.lateMicros, id);
  }

  vendorChanged(number: number, period: number, micros: number): SimulatedEvent {
    const vendor = this.marketplace.vendors.get(number);
    const id = uuid(this.ids.vendor.select(number, period), 0);
    return this.vendorEvent('vendor.updated', vendor, period, micros, this.lateMicros, id);
  }

  listed(number: number): SimulatedEvent {
    const product = this.marketplace.products.get(number);
    const id = uuid(this.ids.product.select(number, UNCHANGED), 0);
    return this.productEvent('product.listed', product, UNCHANGED, product.listedMicros, this.lateMicros, id);
  }

  /** The change of a product's slot; undefined if it changes nothing. */
  productChanged(number: number, period: number, micros: number): SimulatedEvent | undefined {
    const { products } = this.marketplace;
    const product = products.get(number);
    const change = products.changeIn(product, period);
    if (change === 'nothing') return undefined;
    const id = uuid(this.ids.product.select(number, period), 0);
    if (change !== 'price') {
      const type = change === 'name' ? 'product.updated' : 'product.delisted';
      return this.productEvent(type, product, period, micros, this.lateMicros, id);
    }
    const before = products.centsAt(product, this.versionBefore(product, period), micros);
    if (products.centsAt(product, period, micros) === before) return undefined;
    return this.productEvent('product.price_changed', product, period, micros, this.lateMicros, id, before);
  }

  /** The price change at an edge of a flash sale; undefined if the product is not on sale. */
  saleChanged(sale: number, window: number, edge: number, slot: number): SimulatedEvent | undefined {
    const { products, sales } = this.marketplace;
    const flash = sales.sales[sale];
    if (flash === undefined) return undefined;
    const product = products.get(flash.productAt(window, slot));
    const micros = flash.slotTime(window, edge, slot);
    if (!flash.includes(product.vendor.vertical) || !products.isListed(product, micros)) return undefined;
    const version = products.versionAt(product, micros);
    const before = products.centsAt(product, version, micros - 1);
    if (products.centsAt(product, version, micros) === before) return undefined;
    const id = uuid(this.ids.sale.select(product.number, window), 4 * sale + 2 * edge);
    return this.productEvent('product.price_changed', product, version, micros, this.lateMicros, id, before);
  }

  registered(number: number): SimulatedEvent {
    const customer = this.marketplace.customers.get(number);
    const id = uuid(this.ids.customer.select(number, UNCHANGED), 0);
    const micros = this.marketplace.customers.registeredMicros(customer);
    return this.customerEvent('customer.registered', customer, UNCHANGED, micros, id);
  }

  customerChanged(number: number, period: number, micros: number): SimulatedEvent {
    const customer = this.marketplace.customers.get(number);
    const id = uuid(this.ids.customer.select(number, period), 0);
    return this.customerEvent('customer.updated', customer, period, micros, id);
  }

  /** The product's version before a period in which it changes. */
  private versionBefore({ number }: Product, period: number): number {
    return number < this.marketplace.products.slots.sizeOf(period - 1) ? period - 1 : UNCHANGED;
  }

  /** An announcement belongs to its segment: another segment announces again, with other ids. */
  private announcementId(number: number, startMs: number, kind: number): string {
    return uuid(this.announcements.select(number, startMs | 0), 4 * Math.floor(startMs / 2 ** 32) + 2 * kind);
  }

  private vendorEvent(
    event_type: 'vendor.onboarded' | 'vendor.updated',
    vendor: Vendor,
    version: number,
    micros: number,
    lateMicros: number,
    event_id: string,
  ): SimulatedEvent {
    const { name, address } = this.marketplace.vendors.texts(vendor, version);
    const body = {
      event_id,
      event_type,
      occurred_at: timestamp(micros),
      vendor_id: vendor.id,
      vendor_name: name,
      vendor_address: address,
      vendor_vertical: vendor.vertical,
    };
    return this.catalogEvent(body, vendor.id, vendor.number, micros, lateMicros);
  }

  private productEvent(
    event_type: 'product.listed' | 'product.price_changed' | 'product.updated' | 'product.delisted',
    product: Product,
    version: number,
    micros: number,
    lateMicros: number,
    event_id: string,
    previousCents?: number,
  ): SimulatedEvent {
    const { products } = this.marketplace;
    const body = {
      event_id,
      event_type,
      occurred_at: timestamp(micros),
      item_sku: product.sku,
      vendor_id: product.vendor.id,
      item_name: products.nameAt(product, version),
      item_price: money(products.centsAt(product, version, micros)),
      ...(previousCents !== undefined && { previous_item_price: money(previousCents) }),
    };
    return this.catalogEvent(body, product.sku, product.vendor.number, micros, lateMicros);
  }

  private catalogEvent(
    body: SimulatedEvent['body'],
    key: string,
    vendor: number,
    occurredMicros: number,
    lateMicros: number,
  ): SimulatedEvent {
    const source = this.producers.sourceOf(vendor);
    return simulatedEvent('catalog', body, { source, key, occurredMicros, emittedMicros: occurredMicros + lateMicros });
  }

  private customerEvent(
    event_type: 'customer.registered' | 'customer.updated',
    customer: Customer,
    version: number,
    micros: number,
    event_id: string,
  ): SimulatedEvent {
    const { name, email, hasConsent } = this.marketplace.customers.profile(customer, version);
    const body = {
      event_id,
      event_type,
      occurred_at: timestamp(micros),
      customer_id: customer.id,
      customer_registered_at: timestamp(this.marketplace.customers.registeredMicros(customer)),
      customer_name: name,
      customer_email: email,
      customer_country: customer.words.country,
      marketing_consent: hasConsent,
    };
    const source = this.producers.sourceOf(customer.number);
    const placement = { source, key: customer.id, occurredMicros: micros, emittedMicros: micros };
    return simulatedEvent('customers', body, placement);
  }
}
