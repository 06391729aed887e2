import { CHANNELS, DEVICES, type EventType, VERTICALS } from '@orderstream/contracts';
import { type Rng } from '@orderstream/random';
import { type Product } from './catalog-entities';
import { type Customer } from './customers';
import { type Identities } from './identity';
import { centsOf, money } from './money';
import { type Order, type OrderState } from './orders';
import { entry, type Pools } from './pools';
import { type Scenario } from './scenarios/scenario';

/** A step of a journey, named by the type of its event. */
export type Step = Exclude<
  EventType,
  | `vendor.${string}`
  | 'product.listed'
  | 'product.price_changed'
  | 'product.updated'
  | 'product.delisted'
  | 'customer.registered'
  | 'customer.updated'
>;

/** One customer's steps from a visit to an order and to the order's last event. */
export interface Journey {
  readonly customer: Customer;
  readonly product: Product;
  readonly quantity: number;
  /** Sequence number of its first event; the session id derives from it. */
  readonly sessionSeq: number;
  step: Step;
  viewsLeft: number;
  order?: Order;
  lastSeq: number;
}

type Fields = Readonly<Record<string, unknown>>;
type Next = { readonly step: Step; readonly delay: readonly [number, number] } | undefined;

const STATE_AFTER: Partial<Record<Step, OrderState>> = {
  'order.paid': 'paid',
  'order.shipped': 'shipped',
  'order.delivered': 'delivered',
  'order.rated': 'rated',
  'order.returned': 'returned',
  'order.cancelled': 'cancelled',
};

export const stateAfter = (step: Step): OrderState | undefined => STATE_AFTER[step];

/** Body of a step that is not an event of the order itself. */
export function visitFields(
  step: Step,
  journey: Journey,
  viewed: Product,
  rng: Rng,
  pools: Pools,
  identities: Identities,
): Fields {
  const { customer, product, quantity } = journey;
  const visit = { session_id: identities.uuid('session', journey.sessionSeq), customer_id: customer.id };
  const item = { item_sku: product.sku, vendor_id: product.vendor.id };
  switch (step) {
    case 'session.started':
      return {
        ...visit,
        device: rng.pick(DEVICES),
        channel: rng.pick(CHANNELS),
        visit_country: entry(pools.countries, customer.index),
      };
    case 'search.performed':
      return {
        ...visit,
        search_terms: entry(pools.searches, rng.between(0, pools.searches.length)),
        search_vertical: rng.chance(0.5) ? rng.pick(VERTICALS) : null,
        result_count: rng.between(0, 500),
      };
    case 'cart.item_added':
      return { ...visit, ...item, item_quantity: quantity, item_price: product.price };
    case 'cart.item_removed':
      return { ...visit, ...item, item_quantity: quantity };
    case 'checkout.started':
      return { ...visit, cart_items: 1, cart_value: money(centsOf(product.price) * quantity) };
    case 'review.submitted':
      return {
        ...visit,
        ...item,
        review_rating: rng.between(1, 5),
        review_text: rng.chance(0.8) ? entry(pools.reviews, rng.between(0, pools.reviews.length)) : null,
      };
    default:
      return { ...visit, item_sku: viewed.sku, vendor_id: viewed.vendor.id };
  }
}

/** The step after the current one; undefined ends the journey. Every transition is legal by the lifecycle rules. */
export function nextStep(journey: Journey, rng: Rng, { browsing, fulfilment, delays }: Scenario): Next {
  const afterwards = (step: Step, share: number): Next =>
    rng.chance(share) ? { step, delay: delays.afterwards } : undefined;
  switch (journey.step) {
    case 'session.started':
      return { step: rng.chance(browsing.search) ? 'search.performed' : 'product.viewed', delay: delays.browse };
    case 'search.performed':
      return { step: 'product.viewed', delay: delays.browse };
    case 'product.viewed':
      journey.viewsLeft--;
      if (journey.viewsLeft > 0) return { step: 'product.viewed', delay: delays.browse };
      return rng.chance(browsing.leaveAfterViews) ? undefined : { step: 'cart.item_added', delay: delays.browse };
    case 'cart.item_added':
      return {
        step: rng.chance(browsing.removeFromCart) ? 'cart.item_removed' : 'checkout.started',
        delay: delays.browse,
      };
    case 'checkout.started':
      return rng.chance(browsing.abandonCheckout) ? undefined : { step: 'order.placed', delay: delays.browse };
    case 'order.placed':
      return rng.chance(fulfilment.cancelUnpaid)
        ? { step: 'order.cancelled', delay: delays.pay }
        : { step: 'order.paid', delay: delays.pay };
    case 'order.paid':
      return rng.chance(fulfilment.cancelPaid)
        ? { step: 'order.cancelled', delay: delays.ship }
        : { step: 'order.shipped', delay: delays.ship };
    case 'order.shipped':
      return { step: 'order.delivered', delay: delays.deliver };
    case 'order.delivered':
      return rng.chance(fulfilment.rate)
        ? { step: 'order.rated', delay: delays.afterwards }
        : afterwards('order.returned', fulfilment.returned);
    case 'order.rated':
      return rng.chance(fulfilment.returned)
        ? { step: 'order.returned', delay: delays.afterwards }
        : afterwards('review.submitted', fulfilment.review);
    default:
      return undefined;
  }
}
