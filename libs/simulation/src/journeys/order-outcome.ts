import { type CANCEL_REASONS, type CANCELLED_BY, PAYMENT_METHODS, type RETURN_REASONS } from '@orderstream/contracts';
import { type Marketplace } from '../marketplace';
import { type Product } from '../population/product';
import { AliasTable } from '../random/alias-table';
import { type Draws } from '../random/draws';
import { type Delay } from '../scenario/schema';
import { MICROS_PER_MS, MS_PER_HOUR, MS_PER_MINUTE } from '../time/timestamps';
import { CARRIERS } from '../words/goods';
import { STEP, type Step } from './steps';

// Constants: a look-up of `Math` is slow where tests run.
const { exp, floor, log, max, min, round } = Math;

const MICROS_PER_MINUTE = MS_PER_MINUTE * MICROS_PER_MS;
const MICROS_PER_HOUR = MS_PER_HOUR * MICROS_PER_MS;
/** The events of an order differ in time by at least this. */
const SHORTEST_DELAY_MICROS = 1_000;
/** No delay is longer than this many times its median. */
const LONGEST_FACTOR = 30;
const MOST_PIECES = 40;
const UNIFORM_PIECES = 10;
const REVIEW_MINUTES = { median: 4, sigma: 0.6 };
const SECOND_ATTEMPT = 0.12;
const THIRD_ATTEMPT = 0.02;

/** The rating of an average delivery: from 2.4 to 5 by the vendor's quality. */
const LOWEST_MEAN = 2.4;
const QUALITY_EFFECT = 2.6;
const LATE_EFFECT = 1.3;
const RATING_SIGMA = 0.85;
/** Factors on the share of returns by rating, from 1 to 5; then without a rating. */
const RETURN_FACTORS = [4, 2.6, 1.4, 0.8, 0.5] as const;
/** Rating 0: none. */
const UNRATED = 0;

const DRAW = {
  quantity: 12,
  unpaid: 20,
  pay: 21,
  unshipped: 22,
  ship: 23,
  deliver: 24,
  rated: 25,
  rating: 26,
  rate: 27,
  reviewed: 28,
  review: 29,
  returned: 30,
  return: 31,
  payment: 32,
  carrier: 33,
  attempt: 34,
  cancelReason: 35,
  returnReason: 36,
  returnedQuantity: 37,
} as const;

/**
 * What happens to one order, as a function of the draws of its session. An instance is used for one order after the
 * other: `load` replaces its content.
 */
export class OrderOutcome {
  private readonly kinds = new Uint8Array(8);
  private readonly times = new Float64Array(8);
  /** Number of events, with order.placed. */
  count = 0;
  quantity = 1;
  /** From 1 to 5; 0: not rated. */
  rating = 0;
  isLate = false;
  paymentMethod: (typeof PAYMENT_METHODS)[number] = 'card';
  carrier = '';
  deliveryAttempt = 1;
  cancelledBy: (typeof CANCELLED_BY)[number] = 'customer';
  cancelReason: (typeof CANCEL_REASONS)[number] = 'other';
  returnReason: (typeof RETURN_REASONS)[number] = 'other';
  returnedQuantity = 1;
  private readonly payments: AliasTable;

  constructor(private readonly marketplace: Marketplace) {
    const { payments } = marketplace.scenario;
    this.payments = new AliasTable(PAYMENT_METHODS.map((method) => payments[method]));
  }

  kindOf(index: number): Step {
    return this.kinds[index] as Step;
  }

  timeOf(index: number): number {
    return this.times[index] as number;
  }

  quantityOf(product: Product, draws: Draws): number {
    const { values, verticals } = this.marketplace.scenario;
    if (values === 'uniform') return 1 + draws.below(DRAW.quantity, UNIFORM_PIECES);
    const more = 1 - 1 / verticals[product.vendor.vertical].meanQuantity;
    if (more === 0) return 1;
    return min(MOST_PIECES, 1 + floor(log(draws.fraction(DRAW.quantity)) / log(more)));
  }

  /** @param draws of the order's session, which must be selected. They stay selected. */
  load(product: Product, placedMicros: number, draws: Draws): void {
    const { scenario } = this.marketplace;
    const { orders, values } = scenario;
    this.count = 0;
    this.rating = UNRATED;
    this.isLate = false;
    this.quantity = this.quantityOf(product, draws);
    this.add(STEP.placed, placedMicros);
    if (scenario.arrivals.process === 'regular') {
      if (draws.fraction(DRAW.rated) < orders.rated) this.rating = this.rate(product, draws);
      return;
    }
    const paidMicros = placedMicros + this.delay(draws, DRAW.pay, orders.payMinutes, MICROS_PER_MINUTE);
    if (draws.fraction(DRAW.unpaid) < orders.unpaid) {
      this.cancel('customer', draws.fraction(DRAW.cancelReason) < 0.6 ? 'payment_failed' : 'changed_mind', paidMicros);
      return;
    }
    this.paymentMethod = PAYMENT_METHODS[this.payments.pick(draws.fraction(DRAW.payment))] as typeof this.paymentMethod;
    this.add(STEP.paid, paidMicros);
    let shippedMicros = paidMicros + this.delay(draws, DRAW.ship, orders.shipHours, MICROS_PER_HOUR);
    if (draws.fraction(DRAW.unshipped) < orders.unshipped) {
      const fraction = draws.fraction(DRAW.cancelReason);
      if (fraction < 0.5) this.cancel('vendor', 'out_of_stock', shippedMicros);
      else if (fraction < 0.8) this.cancel('customer', 'changed_mind', shippedMicros);
      else this.cancel('marketplace', fraction < 0.9 ? 'fraud_suspected' : 'other', shippedMicros);
      return;
    }
    const backMicros = this.marketplace.vendors.backAt(product.vendor, shippedMicros);
    if (backMicros !== undefined) {
      shippedMicros = backMicros + this.delay(draws, DRAW.ship, orders.shipHours, MICROS_PER_HOUR) / 4;
      shippedMicros = floor(shippedMicros);
    }
    this.add(STEP.shipped, shippedMicros);
    const deliveredMicros = shippedMicros + this.delay(draws, DRAW.deliver, orders.deliverHours, MICROS_PER_HOUR);
    this.carrier = CARRIERS[draws.below(DRAW.carrier, CARRIERS.length)] as string;
    const attempts = draws.fraction(DRAW.attempt);
    this.deliveryAttempt = attempts < THIRD_ATTEMPT ? 3 : attempts < SECOND_ATTEMPT ? 2 : 1;
    this.isLate = deliveredMicros - placedMicros > (orders.promisedHours * MICROS_PER_HOUR) / scenario.lifecycleSpeed;
    this.add(STEP.delivered, deliveredMicros);
    let lastMicros = deliveredMicros;
    if (draws.fraction(DRAW.rated) < orders.rated) {
      this.rating = this.rate(product, draws);
      lastMicros += this.delay(draws, DRAW.rate, orders.rateHours, MICROS_PER_HOUR);
      this.add(STEP.rated, lastMicros);
      if (draws.fraction(DRAW.reviewed) < orders.reviewed) {
        lastMicros += this.delay(draws, DRAW.review, REVIEW_MINUTES, MICROS_PER_MINUTE);
        this.add(STEP.reviewed, lastMicros);
      }
    }
    const returned = scenario.verticals[product.vendor.vertical].returned;
    const factor = this.rating === UNRATED ? 1 : (RETURN_FACTORS[this.rating - 1] as number);
    if (values === 'realistic' && draws.fraction(DRAW.returned) < returned * factor) {
      this.add(STEP.returned, lastMicros + this.delay(draws, DRAW.return, orders.returnHours, MICROS_PER_HOUR));
      this.returnedQuantity = 1 + draws.below(DRAW.returnedQuantity, this.quantity);
      const isBad = this.rating !== UNRATED && this.rating <= 2;
      const reason = draws.fraction(DRAW.returnReason);
      this.returnReason = isBad
        ? reason < 0.45 ? 'not_as_described' : reason < 0.8 ? 'damaged' : 'wrong_item'
        : reason < 0.7 ? 'changed_mind' : reason < 0.85 ? 'wrong_item' : 'other'; // prettier-ignore
    }
  }

  private rate({ vendor }: Product, draws: Draws): number {
    if (this.marketplace.scenario.values === 'uniform') return 1 + draws.below(DRAW.rating, 5);
    const mean = LOWEST_MEAN + QUALITY_EFFECT * vendor.quality - (this.isLate ? LATE_EFFECT : 0);
    return min(5, max(1, round(mean + RATING_SIGMA * draws.normal(DRAW.rating))));
  }

  private cancel(by: typeof this.cancelledBy, reason: typeof this.cancelReason, micros: number): void {
    this.cancelledBy = by;
    this.cancelReason = reason;
    this.add(STEP.cancelled, micros);
  }

  private add(kind: Step, micros: number): void {
    this.kinds[this.count] = kind;
    this.times[this.count] = micros;
    this.count++;
  }

  private delay(draws: Draws, draw: number, { median, sigma }: Delay, unitMicros: number): number {
    const factor = min(LONGEST_FACTOR, exp(sigma * draws.normal(draw)));
    const micros = (median * factor * unitMicros) / this.marketplace.scenario.lifecycleSpeed;
    return max(SHORTEST_DELAY_MICROS, floor(micros));
  }
}
