import { type OrderPlaced } from '@orderstream/contracts';
import { Engine } from './engine';
import { Marketplace } from './marketplace';
import { GRID_MS } from './journeys/cells';
import { hex64, uuid } from './random/hex';
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

  constructor(seed: string, scenario: Scenario) {
    this.engine = new Engine(new Marketplace(seed, scenario));
    this.fromMs = Date.parse(scenario.history.from);
    this.toMs = Date.parse(scenario.history.to);
    let weight = 0;
    for (let dayMs = this.fromMs; dayMs < this.toMs; dayMs += MS_PER_DAY) {
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
