import { type EventType } from '@orderstream/contracts';
import { Rng, type RngState } from '@orderstream/random';
import { Agenda } from './agenda';
import { canBeQuoted, Catalog, type CatalogChange, type CatalogState, quote } from './catalog';
import { type Product } from './catalog-entities';
import { type Customer, Customers, type CustomersState } from './customers';
import { Identities } from './identity';
import { type Journey, nextStep, stateAfter, type Step, visitFields } from './journey';
import { journeyState, type JourneyState, restoreJourney } from './journey-state';
import { Memory, type MemoryState } from './memory';
import { lifecycleFields, type Order, orderFields } from './orders';
import { type Pools } from './pools';
import { type Body, type Draft, draft } from './record';
import { type Scenario } from './scenarios/scenario';

/** Marketplaces with the same identity have the same content. */
export interface MarketplaceIdentity {
  /** Part of every id and of `ce_source`. A ledger directory never uses one id for two marketplaces. */
  readonly marketplaceId: string;
  readonly seed: number;
}

/** Everything that later events depend on, as JSON. */
export interface MarketplaceState {
  readonly rng: RngState;
  readonly catalog: CatalogState;
  readonly customers: CustomersState;
  readonly journeys: readonly JourneyState[];
  readonly orders: readonly Order[];
  readonly memory: MemoryState;
}

const MAX_QUANTITY = 10;

const sourceOf = ({ marketplaceId }: MarketplaceIdentity): string => `/orderstream/order-generator/${marketplaceId}`;

/**
 * A marketplace as a state machine: `nextEvent` generates its next event. Time is passed in and randomness comes from its
 * own `Rng`, so the events are a function of identity, scenario, sequence number and clock.
 *
 * Consistent by construction: only events that the validator accepts or repairs change the state. Records that it rejects
 * (`defects/`) leave no state here, as they leave none there.
 */
export class Marketplace {
  readonly identities: Identities;
  readonly source: string;
  readonly memory = new Memory();
  readonly catalog: Catalog;
  readonly customers: Customers;
  private readonly agenda = new Agenda<Journey>();
  private journeys = 0;
  rng: Rng;

  constructor(
    identity: MarketplaceIdentity,
    readonly pools: Pools,
    readonly scenario: Scenario,
  ) {
    const namespace = `${identity.marketplaceId}/${identity.seed.toString()}`;
    this.identities = new Identities(namespace);
    this.source = sourceOf(identity);
    this.catalog = new Catalog(this.identities, pools);
    this.customers = new Customers(this.identities, pools);
    this.rng = Rng.seeded(namespace);
  }

  /** Must be called once for each event of the sequence, before the event is generated. */
  advance(seq: number): void {
    this.agenda.advance(seq);
  }

  /** The next event without a defect. */
  nextEvent(seq: number, nowMs: number): Draft {
    const { share } = this.scenario;
    const opening = this.openingEvent(seq, nowMs);
    if (opening !== undefined) return opening;
    const roll = this.rng.fraction();
    if (roll < share.catalog) {
      const change = this.changeCatalog(seq);
      if (change !== undefined) return this.draft(seq, nowMs, change);
    } else if (roll < share.catalog + share.customers) {
      return this.changeCustomer(seq, nowMs);
    }
    const journey = this.agenda.take() ?? this.startVisit(seq);
    return journey === undefined ? this.register(seq, nowMs) : this.step(journey, seq, nowMs);
  }

  /** Starts a journey of an idle customer with its order. Only for records that the validator accepts or repairs. */
  placeOrder(seq: number, nowMs: number, fits: (customer: Customer) => boolean): Draft | undefined {
    const product = this.catalog.offer(seq, this.rng);
    const customer = product && this.customers.take(seq, this.rng, fits);
    if (product === undefined || customer === undefined) return undefined;
    return this.step(this.journey(customer, product, 'order.placed', seq), seq, nowMs);
  }

  /** An order that leaves the marketplace as it is: for records that the validator rejects. */
  pretendOrder(seq: number, nowMs: number): Draft | undefined {
    const product = this.catalog.offer(seq, this.rng);
    const customer = product && this.customers.peek(seq, this.rng);
    if (product === undefined || customer === undefined) return undefined;
    const quantity = this.rng.between(1, MAX_QUANTITY);
    const orderId = this.identities.sha256('order', seq);
    const fields = orderFields(orderId, customer, product, quantity, nowMs, this.rng);
    return this.draft(seq, nowMs, { type: 'order.placed', key: customer.id, fields });
  }

  /** A step of a visit that leaves the marketplace as it is. */
  pretendVisit(step: 'session.started' | 'search.performed', seq: number, nowMs: number): Draft | undefined {
    const product = this.catalog.anyProduct(this.rng);
    const customer = product && this.customers.peek(seq, this.rng);
    if (product === undefined || customer === undefined) return undefined;
    const journey: Journey = { customer, product, quantity: 1, sessionSeq: seq, step, viewsLeft: 0, lastSeq: seq };
    const fields = visitFields(step, journey, product, this.rng, this.pools, this.identities);
    return this.draft(seq, nowMs, { type: step, key: customer.id, fields });
  }

  draft(
    seq: number,
    occurredAtMs: number,
    event: { readonly type: EventType; readonly key: string; readonly fields: Body },
  ): Draft {
    return draft(this.identities, this.source, { seq, occurredAtMs, ...event });
  }

  /** Removes everything that the events from `unknownFrom` on changed: it is not known whether they were sent. */
  retire(unknownFrom: number): void {
    const removedProducts = this.catalog.retire(unknownFrom);
    this.customers.retire(unknownFrom);
    this.memory.retire(unknownFrom);
    const remaining: (readonly [number, Journey])[] = [];
    for (const [tick, journey] of this.agenda.entries()) {
      const isUnknown = journey.lastSeq >= unknownFrom || journey.customer.lastSeq >= unknownFrom;
      if (!isUnknown && !removedProducts.has(journey.product)) remaining.push([tick, journey]);
      else this.endJourney(journey, !isUnknown);
    }
    this.agenda.replace(remaining);
  }

  get state(): MarketplaceState {
    const journeys = this.agenda.entries();
    const orders = new Map(this.memory.orders.map((order) => [order.seq, order]));
    for (const [, { order }] of journeys) if (order !== undefined) orders.set(order.seq, order);
    return {
      rng: this.rng.state,
      catalog: this.catalog.state,
      customers: this.customers.state,
      journeys: journeys.map(journeyState),
      orders: [...orders.values()],
      memory: this.memory.state,
    };
  }

  restore(state: MarketplaceState): void {
    this.rng = Rng.restored(state.rng);
    this.catalog.restore(state.catalog);
    this.customers.restore(state.customers);
    const orders = new Map(state.orders.map((order) => [order.seq, { ...order }]));
    this.memory.restore(state.memory, orders);
    const products = this.catalog.productByIndex();
    this.journeys = state.journeys.length;
    this.agenda.replace(state.journeys.map((journey) => restoreJourney(journey, this.customers, products, orders)));
  }

  /** An event that grows catalog or customers to the scenario's opening numbers; undefined once they are reached. */
  private openingEvent(seq: number, nowMs: number): Draft | undefined {
    const { opening } = this.scenario;
    const { vendors, products } = this.catalog.size;
    if (vendors < opening.vendors) return this.draft(seq, nowMs, this.catalog.onboard(seq));
    const product = products < opening.products ? this.catalog.list(seq, this.rng) : undefined;
    if (product !== undefined) return this.draft(seq, nowMs, product);
    return this.customers.idleCount + this.journeys < opening.customers ? this.register(seq, nowMs) : undefined;
  }

  private changeCatalog(seq: number): CatalogChange | undefined {
    const { catalog: weights, limits, opening } = this.scenario;
    const { vendors, products } = this.catalog.size;
    const { onboard, updateVendor, list, changePrice, rename, delist } = weights;
    let roll = this.rng.fraction() * (onboard + updateVendor + list + changePrice + rename + delist);
    if ((roll -= onboard) < 0) {
      return vendors < limits.vendors ? this.catalog.onboard(seq) : this.catalog.updateVendor(seq, this.rng);
    }
    if ((roll -= updateVendor) < 0) return this.catalog.updateVendor(seq, this.rng);
    if ((roll -= list) < 0) {
      return products < limits.products ? this.catalog.list(seq, this.rng) : this.catalog.delist(seq, this.rng);
    }
    if ((roll -= changePrice) < 0) return this.catalog.changePrice(seq, this.rng);
    if (roll - rename < 0) return this.catalog.rename(seq, this.rng);
    return products > opening.products ? this.catalog.delist(seq, this.rng) : undefined;
  }

  private changeCustomer(seq: number, nowMs: number): Draft {
    const known = this.rng.chance(this.scenario.registrations) ? undefined : this.customers.peek(seq, this.rng);
    if (known === undefined) return this.register(seq, nowMs);
    known.version++;
    known.lastSeq = seq;
    return this.draft(seq, nowMs, { type: 'customer.updated', key: known.id, fields: this.customers.profile(known) });
  }

  private register(seq: number, nowMs: number): Draft {
    if (this.customers.idleCount + this.journeys >= this.scenario.limits.customers) this.customers.removeOne(this.rng);
    const customer = this.customers.register(seq, nowMs);
    const fields = this.customers.profile(customer);
    return this.draft(seq, nowMs, { type: 'customer.registered', key: customer.id, fields });
  }

  private startVisit(seq: number): Journey | undefined {
    const product = this.catalog.offer(seq, this.rng);
    const customer = product && this.customers.take(seq, this.rng);
    if (product === undefined || customer === undefined) return undefined;
    const straight = this.rng.chance(this.scenario.browsing.straightToCheckout);
    return this.journey(customer, product, straight ? 'checkout.started' : 'session.started', seq);
  }

  private journey(customer: Customer, product: Product, step: Step, seq: number): Journey {
    product.inUse++;
    this.journeys++;
    return {
      customer,
      product,
      quantity: this.rng.between(1, MAX_QUANTITY),
      sessionSeq: seq,
      step,
      viewsLeft: this.rng.between(1, this.scenario.browsing.maxViews),
      lastSeq: seq,
    };
  }

  private step(journey: Journey, seq: number, nowMs: number): Draft {
    const { step, customer } = journey;
    const fields = this.fieldsOf(journey, seq, nowMs);
    if (fields === undefined) return this.postpone(journey, seq, nowMs);
    journey.lastSeq = seq;
    customer.lastSeq = seq;
    const next = nextStep(journey, this.rng, this.scenario);
    if (next === undefined) this.endJourney(journey, true);
    else {
      journey.step = next.step;
      this.agenda.at(seq + this.rng.between(...next.delay), journey);
    }
    return this.draft(seq, nowMs, { type: step, key: customer.id, fields });
  }

  /** The product or its vendor changed in this instant: registers a customer instead, and tries again later. */
  private postpone(journey: Journey, seq: number, nowMs: number): Draft {
    this.agenda.at(seq + this.rng.between(...this.scenario.delays.browse), journey);
    return this.register(seq, nowMs);
  }

  private fieldsOf(journey: Journey, seq: number, nowMs: number): Body | undefined {
    const { customer, product, order, quantity, step } = journey;
    const { rng, pools, identities } = this;
    if (step === 'order.placed') {
      if (!canBeQuoted(product, seq)) return undefined;
      quote(product, seq);
      const placed = this.place(journey, seq, nowMs);
      journey.order = placed;
      return orderFields(placed.id, customer, product, quantity, nowMs, rng);
    }
    const state = stateAfter(step);
    if (state === undefined || order === undefined) {
      const viewed = step === 'product.viewed' && journey.viewsLeft > 1 ? this.catalog.anyProduct(rng) : product;
      return visitFields(step, journey, viewed ?? product, rng, pools, identities);
    }
    order.state = state;
    order.lastSeq = seq;
    return lifecycleFields(step, order, rng, pools, identities);
  }

  private place({ customer, product, quantity }: Journey, seq: number, nowMs: number): Order {
    const order: Order = {
      seq,
      id: this.identities.sha256('order', seq),
      customerIndex: customer.index,
      customerId: customer.id,
      customerRegisteredAt: customer.registeredAt,
      productIndex: product.index,
      vendorId: product.vendor.id,
      placedAtMs: nowMs,
      unitPrice: product.price,
      quantity,
      state: 'placed',
      lastSeq: seq,
    };
    customer.ordered = true;
    this.memory.addOrder(order);
    return order;
  }

  private endJourney(journey: Journey, customerStays: boolean): void {
    this.journeys--;
    journey.product.inUse--;
    if (customerStays) this.customers.giveBack(journey.customer);
  }
}
