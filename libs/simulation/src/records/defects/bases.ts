import { type OrderPlaced, VERTICALS } from '@orderstream/contracts';
import { type Marketplace } from '../../marketplace';
import { type Customer } from '../../population/customers';
import { type Product } from '../../population/product';
import { money } from '../../population/products';
import { Producers } from '../../producers';
import { type Draws } from '../../random/draws';
import { hex16, hex64, uuid } from '../../random/hex';
import { type NumberedEvent } from '../../simulated-event';
import { MICROS_PER_MS, MICROS_PER_SECOND, timestamp } from '../../time/timestamps';
import { type Draft, draftOf, newDraft } from './draft';

// Constants: a look-up of `Math` is slow where tests run.
const { min } = Math;

/** Draws of an event's number. Numbers are part of the simulation's version. */
export const DEFECT_DRAW = {
  choice: 0,
  variant: 1,
  customer: 2,
  /** One for each try. */
  product: 3,
  otherProduct: 11,
  /** For what the edits of a defect choose. */
  edit: 20,
  session: 100,
  sku: 102,
  vendor: 104,
  guest: 108,
  /** Two for each record. */
  eventId: 200,
  /** Four for each record. */
  orderId: 400,
} as const;
const PRODUCT_TRIES = 8;

/** The event that a record follows, with the draws of its number selected. */
export interface Moment {
  readonly event: NumberedEvent;
  readonly draws: Draws;
  /** When the record is emitted, microseconds since 1970. */
  readonly micros: number;
}

type FollowUp = 'order.paid' | 'order.shipped' | 'order.delivered' | 'order.cancelled' | 'order.returned';

/**
 * Makes the events that defects and near misses are made of, each with ids of its own. Visits change no state of the rules,
 * so they can be accepted without a consequence. An order is one of a real customer for a product that was announced
 * when the segment started; nothing happens to it but what the defect itself does. So the lifecycles of the simulation's
 * orders never depend on a defect.
 */
export class Bases {
  private readonly producers: Producers;
  private readonly customerCount: number;
  private readonly productCount: number;

  constructor(
    readonly marketplace: Marketplace,
    private readonly startMs: number,
  ) {
    this.producers = new Producers(marketplace.seed, marketplace.scenario);
    this.customerCount = marketplace.customersAt(startMs);
    this.productCount = marketplace.productsAt(startMs);
  }

  /** The event itself under another id. Only for what is rejected in any case. */
  own({ event, draws }: Moment): Draft {
    return draftOf(event, eventId(draws, 0));
  }

  search(moment: Moment): Draft {
    return this.visit(moment, {
      event_type: 'search.performed',
      search_terms: 'desk lamp',
      search_vertical: null,
      result_count: 42,
    });
  }

  cart(moment: Moment): Draft {
    const product = this.marketplace.products.get(moment.draws.below(DEFECT_DRAW.product, this.productCount));
    return this.visit(moment, {
      event_type: 'cart.item_added',
      item_sku: product.sku,
      vendor_id: product.vendor.id,
      item_quantity: 2,
      item_price: '19.90',
    });
  }

  review(moment: Moment): Draft {
    const product = this.marketplace.products.get(moment.draws.below(DEFECT_DRAW.product, this.productCount));
    return this.visit(moment, {
      event_type: 'review.submitted',
      item_sku: product.sku,
      vendor_id: product.vendor.id,
      review_rating: 4,
      review_text: 'As described.',
    });
  }

  /** An order at a time; undefined in the rare case that no product is found whose names the catalog must have. */
  order(moment: Moment, micros = moment.micros): Draft | undefined {
    const product = this.productFor(moment.draws, DEFECT_DRAW.product, micros);
    if (product === undefined) return undefined;
    const customer = this.customerOf(moment.draws);
    const registeredMicros = this.marketplace.customers.registeredMicros(customer);
    return this.placed(moment.draws, product, customer.number, customer.id, registeredMicros, micros);
  }

  /** An order of a customer whom nobody knows, who registered at this time. */
  orderOfGuest(moment: Moment, registeredMicros: number): Draft | undefined {
    const product = this.productFor(moment.draws, DEFECT_DRAW.product, moment.micros);
    if (product === undefined) return undefined;
    const id = hex64(moment.draws, DEFECT_DRAW.guest);
    return this.placed(moment.draws, product, 0, id, registeredMicros, moment.micros);
  }

  /** A later event of an order. */
  followUp({ draws }: Moment, order: Draft, type: FollowUp, record: number): Draft {
    const { order_id, order_placed_at, customer_id, occurred_at } = order.body as unknown as OrderPlaced;
    const ids = { event_id: eventId(draws, record), occurred_at, order_id, order_placed_at, customer_id };
    const body = ((): Parameters<typeof newDraft>[1] => {
      switch (type) {
        case 'order.paid':
          return {
            ...ids,
            event_type: type,
            payment_id: `pay_${hex16(draws, DEFECT_DRAW.session)}`,
            payment_method: 'card',
            payment_amount: '19.90',
          };
        case 'order.cancelled':
          return { ...ids, event_type: type, cancelled_by: 'customer', cancel_reason: 'changed_mind' };
        case 'order.returned':
          return { ...ids, event_type: type, return_reason: 'other', returned_quantity: 1, refund_amount: '19.90' };
        default:
          return { ...ids, event_type: type, carrier: 'DHL' };
      }
    })();
    return newDraft('orders', body, customer_id, order.source, order.occurredMicros);
  }

  /** Another vendor, with the texts of a time, whose vendor the catalog must have. */
  otherVendor({
    draws,
    micros,
  }: Moment): Pick<OrderPlaced, 'vendor_id' | 'vendor_name' | 'vendor_address' | 'vendor_vertical'> | undefined {
    const product = this.productFor(draws, DEFECT_DRAW.otherProduct, micros);
    return product === undefined ? undefined : this.vendorColumns(product, micros);
  }

  registeredMicros({ draws }: Moment): number {
    return this.marketplace.customers.registeredMicros(this.customerOf(draws));
  }

  /** The earliest time of an order whose names the catalog has as they were then. */
  get firstMicros(): number {
    return this.startMs * MICROS_PER_MS;
  }

  private visit({ draws, micros }: Moment, fields: object): Draft {
    const customer = this.customerOf(draws);
    const body = {
      event_id: eventId(draws, 0),
      occurred_at: timestamp(micros),
      session_id: uuid(draws, DEFECT_DRAW.session),
      customer_id: customer.id,
      ...fields,
    } as unknown as Parameters<typeof newDraft>[1];
    return newDraft('interactions', body, customer.id, this.producers.sourceOf(customer.number), micros);
  }

  private placed(
    draws: Draws,
    product: Product,
    customerNumber: number,
    customer_id: string,
    registeredMicros: number,
    micros: number,
  ): Draft {
    const { products } = this.marketplace;
    const version = this.versionAt(product, micros);
    const body: OrderPlaced = {
      event_id: eventId(draws, 0),
      event_type: 'order.placed',
      occurred_at: timestamp(micros),
      order_id: orderId(draws, 0),
      order_placed_at: timestamp(micros),
      order_rating: null,
      ...this.vendorColumns(product, micros),
      customer_id,
      customer_registered_at: timestamp(registeredMicros),
      item_sku: product.sku,
      item_name: products.nameAt(product, version),
      item_price: money(products.centsAt(product, version, micros)),
      item_quantity: 1,
    };
    return newDraft('orders', body, customer_id, this.producers.sourceOf(customerNumber), micros);
  }

  private vendorColumns({ vendor }: Product, micros: number) {
    const { vendors } = this.marketplace;
    const { name, address } = vendors.texts(vendor, vendors.versionAt(vendor, micros));
    return { vendor_id: vendor.id, vendor_name: name, vendor_address: address, vendor_vertical: vendor.vertical };
  }

  /** The version that the catalog has announced last: a delisted product has no later ones. */
  private versionAt(product: Product, micros: number): number {
    return min(this.marketplace.products.versionAt(product, micros), product.delistedPeriod);
  }

  private customerOf(draws: Draws): Customer {
    return this.marketplace.customers.get(draws.below(DEFECT_DRAW.customer, this.customerCount));
  }

  /** A product that the segment has announced, and whose names did not change so lately that the change is still late. */
  private productFor(draws: Draws, draw: number, micros: number): Product | undefined {
    const { products, vendors, scenario } = this.marketplace;
    const announcedMicros = micros - scenario.catalog.lateSeconds * MICROS_PER_SECOND;
    for (let attempt = 0; attempt < PRODUCT_TRIES; attempt++) {
      const product = products.get(draws.below(draw + attempt, this.productCount));
      const { vendor } = product;
      if (!products.isListed(product, this.firstMicros)) continue;
      const isKnown =
        vendors.versionAt(vendor, micros) === vendors.versionAt(vendor, announcedMicros) &&
        this.versionAt(product, micros) === this.versionAt(product, announcedMicros);
      if (isKnown) return product;
    }
    return undefined;
  }
}

/** The id of a record's event, by the number of the record among those of its event. */
export const eventId = (draws: Draws, record: number): string => uuid(draws, DEFECT_DRAW.eventId + 2 * record);
export const orderId = (draws: Draws, record: number): string => hex64(draws, DEFECT_DRAW.orderId + 4 * record);

/** A line of goods other than this one. */
export const otherVertical = (vertical: unknown): string =>
  VERTICALS[(VERTICALS.findIndex((known) => known === vertical) + 1) % VERTICALS.length] as string;
