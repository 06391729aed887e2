import { type OrderPlaced } from '@orderstream/contracts';
import { Engine } from './engine';
import { Marketplace } from './marketplace';
import { GRID_MS } from './journeys/cells';
import { hex64, uuid } from './random/hex';
import { type ChangeSlots } from './population/change-slots';
import { type Scenario } from './scenario/schema';
import { SESSION_DRAW } from './journeys/journey';
import { MICROS_PER_MS, MS_PER_DAY, MS_PER_SECOND, timestamp } from './time/timestamps';

/** The history's cells: about 17 minutes. */
const CELL_MS = 2 ** 16 * GRID_MS;
/** Orders are placed in whole seconds of their cell, plus its fraction: none is placed after the end of the cell. */
const MARGIN_MS = MS_PER_SECOND;
const EVENT_DRAW = SESSION_DRAW.events;

export interface HistoricalOrder {
  readonly placedMicros: number;
  /** order.placed, with the rating that the order has got since. */
  readonly body: OrderPlaced;
}

/**
 * The orders before the stream, as the batch loads them: a rate of its own, and the same vendors, products and customers.
 * The rate follows rhythm and season, and grows with the number of customers.
 */
export class History {
  private readonly engine: Engine;
  private readonly fromMs: number;
  private readonly toMs: number;
  /** Expected orders per millisecond and customer, at a factor of 1. */
  private readonly ordersPerCustomerMs: number;

  /**
   * @param days dates that may be computed, in place of those of the scenario's history. The rate stays: a day has the same
   * orders whatever the others are.
   */
  constructor(seed: string, scenario: Scenario, days: Pick<Scenario['history'], 'from' | 'to'> = scenario.history) {
    this.engine = new Engine(new Marketplace(seed, scenario));
    this.fromMs = Math.max(Date.parse(days.from), Date.parse(scenario.population.openedAt));
    this.toMs = Date.parse(days.to);
    const [rateFromMs, rateToMs] = [Date.parse(scenario.history.from), Date.parse(scenario.history.to)];
    let weight = 0;
    for (let dayMs = rateFromMs; dayMs < rateToMs; dayMs += MS_PER_DAY) {
      for (let hour = 0; hour < 24; hour++) weight += this.weightAt(dayMs + ((hour + 0.5) / 24) * MS_PER_DAY) / 24;
    }
    this.ordersPerCustomerMs = scenario.history.orders / (weight * MS_PER_DAY);
  }

  /** The orders placed from one time to another (exclusive), by time. Any range may be computed alone. */
  *ordersPlaced(fromMs: number, toMs: number): Generator<HistoricalOrder> {
    const first = Math.max(fromMs, this.fromMs);
    const end = Math.min(toMs, this.toMs);
    const orders: HistoricalOrder[] = [];
    for (let startMs = Math.floor(first / CELL_MS) * CELL_MS; startMs < end; startMs += CELL_MS) {
      orders.length = 0;
      this.addOrders(startMs, orders);
      orders.sort((a, b) => a.placedMicros - b.placedMicros || (a.body.order_id < b.body.order_id ? -1 : 1));
      for (const order of orders) {
        if (order.placedMicros >= first * MICROS_PER_MS && order.placedMicros < end * MICROS_PER_MS) yield order;
      }
    }
  }

  /**
   * The bodies of the catalog events that say what each vendor and product is in this time: as they are at its start, and
   * every change until its end. By time for each vendor and product, not over all of them.
   */
  *catalog(fromMs: number, toMs: number): Generator<object> {
    const { marketplace, population } = this.engine;
    const { vendors, products } = marketplace;
    const startMs = Math.max(fromMs, Date.parse(marketplace.scenario.population.openedAt));
    const [vendorCount, productCount] = [marketplace.vendorsAt(startMs), marketplace.productsAt(startMs)];
    for (let number = 0; number < vendorCount; number++) yield population.announcedVendor(number, startMs).body;
    for (let number = 0; number < productCount; number++) {
      const announced = population.announcedProduct(number, startMs);
      if (announced !== undefined) yield announced.body;
    }
    for (let number = vendorCount; number < marketplace.vendorsAt(toMs); number++) {
      yield population.onboarded(number).body;
    }
    for (let number = productCount; number < marketplace.productsAt(toMs); number++) {
      yield population.listed(number).body;
    }
    const [startMicros, toMicros] = [startMs * MICROS_PER_MS, toMs * MICROS_PER_MS];
    for (const [number, period, micros] of changesIn(vendors.slots, startMicros, toMicros)) {
      yield population.vendorChanged(number, period, micros).body;
    }
    for (const [number, period, micros] of changesIn(products.slots, startMicros, toMicros)) {
      const changed = population.productChanged(number, period, micros);
      if (changed !== undefined) yield changed.body;
    }
  }

  private weightAt(ms: number): number {
    return this.engine.arrivals.rhythm.at(ms) * this.engine.marketplace.customersAt(ms);
  }

  private addOrders(startMs: number, orders: HistoricalOrder[]): void {
    const { arrivals, journey, events } = this.engine;
    const mean = this.weightAt(startMs + CELL_MS / 2) * this.ordersPerCustomerMs * CELL_MS;
    const cell = { startMs, lengthMs: CELL_MS - MARGIN_MS };
    arrivals.customersIn(cell, mean, (session, startMicros) => {
      journey.loadHistory(startMs, CELL_MS, session);
      const placedMicros = journey.placedAt(startMicros);
      if (!journey.canOrder(placedMicros)) return;
      journey.loadOutcome(placedMicros);
      const { draws, customer, outcome } = journey;
      const occurred_at = timestamp(placedMicros);
      const ids = {
        event_id: uuid(draws, EVENT_DRAW),
        occurred_at,
        order_id: hex64(draws, SESSION_DRAW.ids + 2),
        order_placed_at: occurred_at,
        customer_id: customer.id,
      };
      orders.push({ placedMicros, body: events.placedBody(journey, ids, placedMicros, outcome.rating || null) });
    });
  }
}

/** The changes after one time and before another: the member, its period, and when. */
function* changesIn(
  slots: ChangeSlots,
  afterMicros: number,
  toMicros: number,
): Generator<readonly [number: number, period: number, micros: number]> {
  let { period, slot } = slots.firstSlot(afterMicros + 1);
  for (;;) {
    while (slot >= slots.sizeOf(period)) {
      period++;
      slot = 0;
    }
    const micros = slots.slotTime(period, slot);
    if (micros >= toMicros) return;
    yield [slots.memberOf(period, slot), period, micros];
    slot++;
  }
}
