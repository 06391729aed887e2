import { CHANNELS, DEVICES, type OrderPlaced } from '@orderstream/contracts';
import { type Marketplace } from '../marketplace';
import { type Product } from '../population/product';
import { money } from '../population/products';
import { type Producers } from '../producers';
import { hex16, hex64, traceparent, uuid } from '../random/hex';
import { type SimulatedEvent, simulatedEvent } from '../simulated-event';
import { timestamp } from '../time/timestamps';
import { GOODS, REVIEW_DELIVERY, REVIEW_OPENINGS } from '../words/goods';
import { type Journey, SESSION_DRAW } from './journey';
import { STEP } from './steps';

/** Draws of the ids of a session, from `SESSION_DRAW.ids` on. */
const ID = { session: 0, order: 2, trace: 6, payment: 8, tracking: 9 } as const;
const IDS_PER_EVENT = 4;
const MOST_RESULTS = 600;

/** Makes the events of journeys. */
export class JourneyEvents {
  constructor(
    private readonly marketplace: Marketplace,
    private readonly producers: Producers,
  ) {}

  /**
   * The event of a step.
   * @param placedMicros when the order was placed; needed from order.placed on, whose outcome must be loaded
   */
  eventOf(journey: Journey, step: number, micros: number, placedMicros: number): SimulatedEvent {
    const { draws, customer } = journey;
    const kind = journey.kindOf(step);
    const eventDraw = SESSION_DRAW.events + IDS_PER_EVENT * step;
    const event_id = uuid(draws, eventDraw);
    const occurred_at = timestamp(micros);
    const customer_id = customer.id;
    const placement = {
      source: this.producers.sourceOf(customer.number),
      key: customer_id,
      occurredMicros: micros,
      emittedMicros: micros + journey.lateMicros,
      traceparent: traceparent(draws, SESSION_DRAW.ids + ID.trace, eventDraw + 2),
    };
    if (kind >= STEP.placed && kind !== STEP.reviewed) {
      const order = { event_id, occurred_at, order_id: hex64(draws, SESSION_DRAW.ids + ID.order) };
      const ids = { ...order, order_placed_at: timestamp(placedMicros), customer_id };
      return simulatedEvent('orders', this.orderBody(journey, kind, ids, micros), placement);
    }
    const session_id = uuid(draws, SESSION_DRAW.ids + ID.session);
    const ids = { event_id, occurred_at, session_id, customer_id };
    return simulatedEvent('interactions', this.visitBody(journey, step, kind, ids, micros), placement);
  }

  /** The body of order.placed. The order's outcome must be loaded. */
  placedBody(
    journey: Journey,
    ids: Omit<Ids, 'session_id'> & { readonly order_id: string; readonly order_placed_at: string },
    micros: number,
    rating: number | null,
  ): OrderPlaced {
    const { vendors, products } = this.marketplace;
    const { customer, outcome } = journey;
    const product = journey.cartProduct;
    const { vendor } = product;
    const { name, address } = vendors.texts(vendor, vendors.versionAt(vendor, micros));
    const version = products.versionAt(product, micros);
    return {
      event_id: ids.event_id,
      event_type: 'order.placed',
      occurred_at: ids.occurred_at,
      order_id: ids.order_id,
      order_placed_at: ids.order_placed_at,
      order_rating: rating,
      vendor_id: vendor.id,
      vendor_name: name,
      vendor_address: address,
      vendor_vertical: vendor.vertical,
      customer_id: ids.customer_id,
      customer_registered_at: timestamp(this.marketplace.customers.registeredMicros(customer)),
      item_sku: product.sku,
      item_name: products.nameAt(product, version),
      item_price: money(products.centsAt(product, version, micros)),
      item_quantity: outcome.quantity,
    };
  }

  private orderBody(
    journey: Journey,
    kind: number,
    ids: Omit<Ids, 'session_id'> & { readonly order_id: string; readonly order_placed_at: string },
    micros: number,
  ): SimulatedEvent['body'] {
    const { outcome, draws, customer } = journey;
    const hasNewColumns = this.producers.hasNewColumns(customer.number, micros);
    switch (kind) {
      case STEP.placed: {
        const isRatedAtOnce = this.marketplace.scenario.arrivals.process === 'regular' && outcome.rating > 0;
        return this.placedBody(journey, ids, micros, isRatedAtOnce ? outcome.rating : null);
      }
      case STEP.paid:
        return {
          ...ids,
          event_type: 'order.paid',
          payment_id: `pay_${hex16(draws, SESSION_DRAW.ids + ID.payment)}`,
          payment_method: outcome.paymentMethod,
          payment_amount: money(this.orderCents(journey) * outcome.quantity),
        };
      case STEP.shipped:
        return {
          ...ids,
          event_type: 'order.shipped',
          carrier: outcome.carrier,
          ...(hasNewColumns && this.tracking(journey)),
        };
      case STEP.delivered:
        return {
          ...ids,
          event_type: 'order.delivered',
          carrier: outcome.carrier,
          ...(hasNewColumns && { ...this.tracking(journey), delivery_attempt: outcome.deliveryAttempt }),
        };
      case STEP.cancelled:
        return {
          ...ids,
          event_type: 'order.cancelled',
          cancelled_by: outcome.cancelledBy,
          cancel_reason: outcome.cancelReason,
        };
      case STEP.rated:
        return { ...ids, event_type: 'order.rated', order_rating: outcome.rating };
      default:
        return {
          ...ids,
          event_type: 'order.returned',
          return_reason: outcome.returnReason,
          returned_quantity: outcome.returnedQuantity,
          refund_amount: money(this.orderCents(journey) * outcome.returnedQuantity),
        };
    }
  }

  private visitBody(journey: Journey, step: number, kind: number, ids: Ids, micros: number): SimulatedEvent['body'] {
    const { draws, customer } = journey;
    switch (kind) {
      case STEP.started:
        return {
          ...ids,
          event_type: 'session.started',
          device: DEVICES[journey.device] as (typeof DEVICES)[number],
          channel: CHANNELS[journey.channel] as (typeof CHANNELS)[number],
          ...(this.producers.hasNewColumns(customer.number, micros) && { visit_country: customer.words.country }),
        };
      case STEP.searched: {
        const product = journey.productOf(0, journey.listedMicros);
        const isNarrow = draws.fraction(SESSION_DRAW.searchVertical) < 0.35;
        return {
          ...ids,
          event_type: 'search.performed',
          search_terms: searchTerms(product, draws.fraction(SESSION_DRAW.results)),
          search_vertical: isNarrow ? product.vendor.vertical : null,
          result_count: 1 + Math.floor(MOST_RESULTS * draws.fraction(SESSION_DRAW.results) ** 3),
        };
      }
      case STEP.viewed: {
        const product = journey.productOf(step - 1 - (journey.hasSearch ? 1 : 0), journey.listedMicros);
        return { ...ids, event_type: 'product.viewed', item_sku: product.sku, vendor_id: product.vendor.id };
      }
      case STEP.checkout: {
        const cents = this.priceAt(journey.cartProduct, micros) * this.quantityOf(journey);
        return { ...ids, event_type: 'checkout.started', cart_items: 1, cart_value: money(cents) };
      }
      case STEP.reviewed: {
        const { sku, vendor } = journey.cartProduct;
        return {
          ...ids,
          event_type: 'review.submitted',
          item_sku: sku,
          vendor_id: vendor.id,
          review_rating: journey.outcome.rating,
          review_text: reviewText(journey),
        };
      }
      default: {
        const product = journey.cartProduct;
        const item = { item_sku: product.sku, vendor_id: product.vendor.id, item_quantity: this.quantityOf(journey) };
        return kind === STEP.removed
          ? { ...ids, event_type: 'cart.item_removed', ...item }
          : { ...ids, event_type: 'cart.item_added', ...item, item_price: money(this.priceAt(product, micros)) };
      }
    }
  }

  private tracking({ draws }: Journey): { readonly tracking_id: string } {
    return { tracking_id: `JD${hex16(draws, SESSION_DRAW.ids + ID.tracking).toUpperCase()}` };
  }

  /** The price in cents at which the order was placed. */
  private orderCents({ outcome, cartProduct }: Journey): number {
    return this.priceAt(cartProduct, outcome.timeOf(0));
  }

  private priceAt(product: Product, micros: number): number {
    const { products } = this.marketplace;
    return products.centsAt(product, products.versionAt(product, micros), micros);
  }

  private quantityOf(journey: Journey): number {
    return journey.outcome.quantityOf(journey.cartProduct, journey.draws);
  }
}

/** Fields of every event of a session. */
interface Ids {
  readonly event_id: string;
  readonly occurred_at: string;
  readonly session_id: string;
  readonly customer_id: string;
}

/** What someone types who then views this product. */
function searchTerms({ noun, vendor }: Product, fraction: number): string {
  const { adjectives } = GOODS[vendor.vertical];
  if (fraction < 0.5) return noun.toLowerCase();
  const adjective = adjectives[Math.floor((fraction - 0.5) * 2 * adjectives.length)] as string;
  return `${adjective} ${noun}`.toLowerCase();
}

const FEW_WORDS = 0.25;

/** Sentences that fit the rating, the goods and the delivery. */
function reviewText({ draws, outcome, cartProduct }: Journey): string | null {
  const { rating, isLate } = outcome;
  const openings = REVIEW_OPENINGS[rating - 1] as readonly string[];
  const from = SESSION_DRAW.reviewWords;
  const sentence = (words: readonly string[], draw: number): string =>
    words[draws.below(from + draw, words.length)] as string;
  const sentences = [sentence(openings, 0)];
  if (draws.fraction(from + 1) < FEW_WORDS) return sentences.join(' ');
  const { praise, complaint } = GOODS[cartProduct.vendor.vertical];
  if (rating !== 3) sentences.push(sentence(rating > 3 ? praise : complaint, 2));
  if (isLate) sentences.push(sentence(REVIEW_DELIVERY.late, 3));
  else if (rating > 3 && draws.fraction(from + 4) < 0.4) sentences.push(sentence(REVIEW_DELIVERY.fast, 3));
  return sentences.join(' ');
}
