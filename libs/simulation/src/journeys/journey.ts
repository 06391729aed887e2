import { CHANNELS, DEVICES, VERTICALS } from '@orderstream/contracts';
import { type Marketplace } from '../marketplace';
import { type Customer } from '../population/customers';
import { type Product } from '../population/product';
import { Recurring } from '../population/recurring';
import { AliasTable } from '../random/alias-table';
import { Draws } from '../random/draws';
import { MICROS_PER_MS, MICROS_PER_SECOND, MS_PER_HOUR } from '../time/timestamps';
import { type Arrivals, FIRST_BOT } from './arrivals';
import { alignedTo, type Cell, fineFractionOf, fractionOf } from './cells';
import { cartChance, MAX_VIEWS, moreViews } from './expectation';
import { OrderOutcome } from './order-outcome';
import { STEP, type Step } from './steps';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, min, max, log } = Math;

const SHORTEST_THINK_MICROS = 200_000;
/** With at most 45 steps, a visit ends within 4 hours, so orders of different cells never have the same time. */
const LONGEST_THINK_MICROS = 300 * MICROS_PER_SECOND;
const BOT_THINK_MICROS = 300_000;
const MICROS_PER_HOUR = MS_PER_HOUR * MICROS_PER_MS;
const LONGEST_LATE_HOURS = 48;
const DIRECT = CHANNELS.indexOf('direct');
const DESKTOP = DEVICES.indexOf('desktop');
const LOYAL_TO_FAVOURITE = 0.6;

/** The end of a journey. */
export const NO_TIME = Infinity;

/** Draws of a session. Numbers are part of the simulation's version. */
export const SESSION_DRAW = {
  /** Pairs. */
  deviceAndLoyalty: 1,
  channel: 2,
  vertical: 4,
  bounceAndSearch: 5,
  viewsAndCart: 7,
  removal: 9,
  checkoutAndOrder: 10,
  late: 14,
  lateHours: 15,
  results: 43,
  searchVertical: 44,
  reviewWords: 45,
  think: 64,
  ids: 900,
  events: 1_000,
  product: 2_000,
} as const;
const DRAWS_PER_PRODUCT = 32;

/**
 * A session and its order, as a function of (cell, session). An instance is used for one session after the other: `load`
 * replaces its content. Times are not part of it: the time of a step follows from the time of the step before it, so a
 * cursor computes only what it needs.
 *
 * Hot: loaded once per event.
 */
export class Journey {
  readonly draws: Draws;
  readonly outcome: OrderOutcome;
  private cell: Cell = { startMs: 0, lengthMs: 0 };
  session = 0;
  customer: Customer;
  device = 0;
  vertical = 0;
  isBot = false;
  hasSearch = false;
  views = 0;
  hasCart = false;
  isRemoved = false;
  hasCheckout = false;
  /** Whether the checkout becomes an order, unless the product cannot be ordered at that time. */
  wantsOrder = false;
  /** By how much its events are emitted later than they occur. */
  lateMicros = 0;
  /** Step of order.placed, whether there is one or not. */
  orderStep = 0;
  /** See `cartProduct`. */
  private cart: Product | undefined;
  private readonly devices: AliasTable;
  private readonly channels: AliasTable;
  private readonly interest: AliasTable;
  private readonly cartChances: readonly (readonly number[])[];
  private readonly orderInterest: AliasTable;
  private readonly logMoreViews: number;
  private readonly sales: readonly { readonly when: Recurring; readonly conversion: number }[];
  private readonly bots: { readonly views: number; readonly accounts: number };

  constructor(
    private readonly marketplace: Marketplace,
    private readonly arrivals: Arrivals,
  ) {
    const { scenario, key, customers } = marketplace;
    this.draws = new Draws(key, 'session');
    this.outcome = new OrderOutcome(marketplace);
    this.customer = customers.get(0);
    this.devices = new AliasTable(DEVICES.map((device) => scenario.devices[device]));
    this.channels = new AliasTable(CHANNELS.map((channel) => scenario.channels[channel]));
    this.interest = new AliasTable(VERTICALS.map((vertical) => scenario.interest[vertical]));
    this.cartChances = VERTICALS.map((_, vertical) =>
      DEVICES.map((__, device) => cartChance(scenario, vertical, device)),
    );
    this.orderInterest = new AliasTable(
      VERTICALS.map((name) => scenario.interest[name] * scenario.verticals[name].conversion),
    );
    this.logMoreViews = log(moreViews(scenario));
    this.sales = scenario.effects.flatMap((effect) =>
      effect.kind === 'flash-sale' ? [{ when: new Recurring(effect), conversion: effect.conversion }] : [],
    );
    const burst = scenario.effects.find((effect) => effect.kind === 'bot-burst');
    this.bots = { views: burst?.views ?? 1, accounts: burst?.accounts ?? 1 };
  }

  load(startMs: number, lengthMs: number, session: number): void {
    const { marketplace, arrivals, draws } = this;
    const { scenario, customers } = marketplace;
    const { funnel } = scenario;
    this.cell = { startMs, lengthMs };
    this.session = session;
    this.isBot = session >= FIRST_BOT;
    this.lateMicros = 0;
    arrivals.selectIn(draws, startMs, session);
    this.customer = customers.get(
      this.isBot
        ? draws.below(SESSION_DRAW.deviceAndLoyalty, min(this.bots.accounts, arrivals.sizeAt(startMs)))
        : arrivals.customerOf(startMs, session),
    );
    if (this.isBot) {
      this.loadVisit(DESKTOP, this.interest.pick(draws.fraction(SESSION_DRAW.vertical)));
      this.views = this.bots.views;
      this.orderStep = 1 + this.views;
      return;
    }
    const device = this.devices.pick(draws.pair(SESSION_DRAW.deviceAndLoyalty));
    const loyalty = draws.second;
    if (arrivals.isRegular) {
      this.loadVisit(device, this.orderInterest.pick(draws.fraction(SESSION_DRAW.vertical)));
      this.wantsOrder = true;
      this.orderStep = 0;
      return;
    }
    const vertical =
      loyalty < LOYAL_TO_FAVOURITE
        ? this.customer.favourite
        : this.interest.pick(draws.fraction(SESSION_DRAW.vertical));
    this.loadVisit(device, vertical);
    if (scenario.late.share > 0) this.loadLateness(device);
    if (draws.pair(SESSION_DRAW.bounceAndSearch) < funnel.bounce) return;
    this.hasSearch = draws.second < funnel.search;
    this.views = min(MAX_VIEWS, 1 + floor(log(draws.pair(SESSION_DRAW.viewsAndCart)) / this.logMoreViews));
    this.hasCart = draws.second < this.chanceOfCart(vertical, device);
    this.orderStep = 1 + (this.hasSearch ? 1 : 0) + this.views;
    if (!this.hasCart) return;
    this.isRemoved = draws.fraction(SESSION_DRAW.removal) < funnel.remove;
    this.hasCheckout = !this.isRemoved && draws.pair(SESSION_DRAW.checkoutAndOrder) < funnel.checkout;
    this.wantsOrder = this.hasCheckout && draws.second < funnel.order;
    this.orderStep += 1 + (this.isRemoved || this.hasCheckout ? 1 : 0);
  }

  /** For the history: every session is one order, placed in its cell. */
  loadHistory(startMs: number, lengthMs: number, session: number): void {
    const { arrivals, draws, marketplace } = this;
    this.cell = { startMs, lengthMs };
    this.session = session;
    this.isBot = false;
    this.lateMicros = 0;
    arrivals.selectIn(draws, startMs, session);
    this.customer = marketplace.customers.get(arrivals.customerOf(startMs, session));
    const vertical =
      draws.fraction(SESSION_DRAW.deviceAndLoyalty) < LOYAL_TO_FAVOURITE && !arrivals.isRegular
        ? this.customer.favourite
        : this.orderInterest.pick(draws.fraction(SESSION_DRAW.vertical));
    this.loadVisit(0, vertical);
    this.wantsOrder = true;
    this.orderStep = 0;
  }

  /** The channel through which the customer arrived, as its index. */
  get channel(): number {
    return this.isBot ? DIRECT : this.channels.pick(this.draws.fraction(SESSION_DRAW.channel));
  }

  /** Number of steps of the visit, with order.placed if it is wanted. */
  get visitSteps(): number {
    return this.orderStep + (this.wantsOrder ? 1 : 0);
  }

  /** The kind of a step. For steps after order.placed, `loadOutcome` must have been called. */
  kindOf(step: number): Step {
    if (step >= this.orderStep && this.wantsOrder) return this.outcome.kindOf(step - this.orderStep);
    if (step === 0) return STEP.started;
    const browsing = step - (this.hasSearch ? 1 : 0);
    if (browsing === 0) return STEP.searched;
    if (browsing <= this.views) return STEP.viewed;
    if (browsing === this.views + 1) return STEP.added;
    return this.isRemoved ? STEP.removed : STEP.checkout;
  }

  /** The product of a view, from 0. The last one goes into the cart. */
  productOf(view: number, micros: number): Product {
    const from = SESSION_DRAW.product + DRAWS_PER_PRODUCT * view;
    return this.marketplace.popularity.pick(this.vertical, micros, this.draws, from);
  }

  /** The product that goes into the cart, chosen from what is listed when the session's cell starts. Up to five uses per event. */
  get cartProduct(): Product {
    this.cart ??= this.productOf(max(0, this.views - 1), this.listedMicros);
    return this.cart;
  }

  /** Products are chosen from those that the catalog has announced by then. */
  get listedMicros(): number {
    const { lateSeconds } = this.marketplace.scenario.catalog;
    return this.cell.startMs * MICROS_PER_MS - lateSeconds * MICROS_PER_SECOND;
  }

  /** The time of the step after this one, within the visit; NO_TIME if there is none. */
  visitTimeAfter(step: number, micros: number): number {
    const next = step + 1;
    if (next >= this.visitSteps) return NO_TIME;
    const thought = micros + this.thinkMicros(next);
    if (next < this.orderStep || !this.wantsOrder) return thought;
    const placedMicros = this.placedAt(thought);
    return this.canOrder(placedMicros) ? placedMicros : NO_TIME;
  }

  /** The time at or after this one at which orders of the session's cell are placed. */
  placedAt(micros: number): number {
    const { startMs } = this.cell;
    return this.arrivals.isRegular
      ? alignedTo(micros, MICROS_PER_MS, fineFractionOf(startMs))
      : alignedTo(micros, MICROS_PER_SECOND, fractionOf(startMs));
  }

  /** When the order was placed, computed from the start of the session. */
  placedMicros(): number {
    let micros = this.arrivals.startOf(this.cell, this.session);
    for (let step = 1; step <= this.orderStep; step++) micros += this.thinkMicros(step);
    return this.placedAt(micros);
  }

  /** Loads the order's outcome. `visitSteps` steps of the visit must exist. */
  loadOutcome(placedMicros: number): void {
    this.outcome.load(this.cartProduct, placedMicros, this.draws);
  }

  /** Whether the product can be ordered: listed, its vendor sells, and no change of its names is still to be announced. */
  canOrder(micros: number): boolean {
    const { products, vendors, scenario } = this.marketplace;
    const product = this.cartProduct;
    if (!products.isListed(product, micros) || vendors.isOut(product.vendor, micros)) return false;
    const { lateSeconds } = scenario.catalog;
    if (lateSeconds === 0) return true;
    const announcedMicros = micros - lateSeconds * MICROS_PER_SECOND;
    const { vendor } = product;
    return (
      vendors.versionAt(vendor, micros) === vendors.versionAt(vendor, announcedMicros) &&
      products.nameAt(product, products.versionAt(product, micros)) ===
        products.nameAt(product, products.versionAt(product, announcedMicros))
    );
  }

  private loadVisit(device: number, vertical: number): void {
    this.device = device;
    this.vertical = vertical;
    this.cart = undefined;
    this.hasSearch = false;
    this.views = 0;
    this.hasCart = false;
    this.isRemoved = false;
    this.hasCheckout = false;
    this.wantsOrder = false;
    this.orderStep = 1;
  }

  private loadLateness(device: number): void {
    const name = DEVICES[device];
    if (name !== 'mobile' && name !== 'app') return;
    const { late } = this.marketplace.scenario;
    if (this.draws.fraction(SESSION_DRAW.late) >= late.share) return;
    const hours = this.draws.logNormal(SESSION_DRAW.lateHours, late.hours.median, late.hours.sigma);
    this.lateMicros = floor(min(LONGEST_LATE_HOURS, hours) * MICROS_PER_HOUR);
  }

  private chanceOfCart(vertical: number, device: number): number {
    const startMicros = this.cell.startMs * MICROS_PER_MS;
    let factor = 1;
    for (const { when, conversion } of this.sales) if (when.isOn(startMicros)) factor *= conversion;
    if (factor === 1) return this.cartChances[vertical]?.[device] ?? 0;
    return cartChance(this.marketplace.scenario, vertical, device, factor);
  }

  private thinkMicros(step: number): number {
    if (this.isBot) return BOT_THINK_MICROS;
    const { median, sigma } = this.marketplace.scenario.funnel.thinkSeconds;
    const micros = this.draws.logNormal(SESSION_DRAW.think + step, median, sigma) * MICROS_PER_SECOND;
    return floor(min(LONGEST_THINK_MICROS, max(SHORTEST_THINK_MICROS, micros)));
  }
}
