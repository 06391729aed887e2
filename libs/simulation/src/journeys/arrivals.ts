import { Draws } from '../random/draws';
import { Permutation } from '../random/permutation';
import { type Marketplace } from '../marketplace';
import { Recurring } from '../population/recurring';
import { MICROS_PER_MS, MICROS_PER_SECOND, MS_PER_DAY, MS_PER_SECOND } from '../time/timestamps';
import { type Cell, cellAt, cellLengthMs, GRID_MS } from './cells';
import { sessionExpectation, type SessionExpectation } from './expectation';
import { Rhythm } from './rhythm';

// Constants: a look-up of `Math` is slow where tests run.
const { floor, max, min, round } = Math;

/** Sessions of bots have numbers from here on. Customers have lower ones. */
export const FIRST_BOT = 2 ** 23;
const CACHED_CELLS = 4_096;
const MAX_CANDIDATES = 1_024;
const CANDIDATES_PER_SESSION = 96;
const SAMPLED_PRODUCTS = 512;
const SHORTEST_REGULAR_MS = 1_600;

/** The least share of the target that sessions get when the catalog alone would exceed it. */
const LEAST_SESSIONS = 0.1;

const DRAW = { count: 0, bots: 1 } as const;

/**
 * Which sessions start in a cell. Their number is a Poisson draw of the cell. Session `j` of a cell belongs to the customer
 * at place `j` of a permutation of the customers that the cell chooses; it exists if a draw of both is below the customer's
 * activity. So the sessions are weighted by activity, no customer has two sessions in a cell, and the customer of a
 * session is computed from its number alone.
 */
export class Arrivals {
  readonly expectation: SessionExpectation;
  readonly rhythm: Rhythm;
  private readonly draws: Draws;
  private readonly starts: Draws;
  private readonly permutation = new Permutation();
  private readonly chosen = { startMs: NaN };
  private readonly sizes = { starts: new Float64Array(CACHED_CELLS).fill(-1), counts: new Int32Array(CACHED_CELLS) };
  private readonly background = { day: NaN, eventsPerSecond: 0 };
  private readonly surges: readonly { readonly when: Recurring; readonly visits: number }[];
  private readonly bots: readonly { readonly when: Recurring; readonly visits: number }[];
  readonly isRegular: boolean;

  constructor(private readonly marketplace: Marketplace) {
    const { scenario, key } = marketplace;
    this.expectation = sessionExpectation(scenario);
    this.rhythm = new Rhythm(scenario);
    this.draws = new Draws(key, 'cell');
    this.starts = new Draws(key, 'start');
    this.isRegular = scenario.arrivals.process === 'regular';
    this.surges = scenario.effects.flatMap((effect) =>
      effect.kind === 'flash-sale' ? [{ when: new Recurring(effect), visits: effect.visits }] : [],
    );
    this.bots = scenario.effects.flatMap((effect) =>
      effect.kind === 'bot-burst' ? [{ when: new Recurring(effect), visits: effect.visits }] : [],
    );
  }

  /** The cell that starts here, at a target rate over all events. */
  cellAt(startMs: number, eventsPerSecond: number): Cell {
    if (!this.isRegular) return cellAt(startMs, cellLengthMs(eventsPerSecond / this.expectation.events));
    const pairMs = (2 * MS_PER_SECOND) / max(eventsPerSecond, 1e-3);
    const lengthMs = round(max(pairMs, SHORTEST_REGULAR_MS) / GRID_MS) * GRID_MS;
    return { startMs, lengthMs };
  }

  /** Sessions per second at a target rate over all events, on average over the rhythm. */
  sessionsPerSecond(ms: number, eventsPerSecond: number): number {
    if (this.isRegular) return eventsPerSecond;
    const rest = eventsPerSecond - this.backgroundRate(ms);
    return max(rest, LEAST_SESSIONS * eventsPerSecond) / this.expectation.events;
  }

  /** The factor of flash sales on the number of sessions. */
  surgeAt(ms: number): number {
    let factor = 1;
    for (const { when, visits } of this.surges) if (when.isOn(ms * MICROS_PER_MS)) factor *= visits;
    return factor;
  }

  /** Calls back with the number of each session of a cell, and when it starts. */
  sessionsIn(cell: Cell, eventsPerSecond: number, found: (session: number, startMicros: number) => void): void {
    const { startMs, lengthMs } = cell;
    const middleMs = startMs + lengthMs / 2;
    const seconds = lengthMs / MS_PER_SECOND;
    if (this.isRegular) {
      const pairs = max(1, round((eventsPerSecond * seconds) / 2));
      for (let session = 0; session < 2 * pairs; session++) found(session, this.regularStart(cell, session, pairs));
      return;
    }
    const mean = this.sessionsPerSecond(startMs, eventsPerSecond) * seconds * this.rhythm.at(middleMs);
    this.customersIn(cell, mean * this.surgeAt(middleMs), found);
    for (const { when, visits } of this.bots) {
      if (!when.isOn(middleMs * MICROS_PER_MS)) continue;
      this.selectCell(startMs);
      const count = this.draws.poisson(DRAW.bots, mean * visits);
      for (let bot = 0; bot < count; bot++) found(FIRST_BOT + bot, this.startOf(cell, FIRST_BOT + bot));
    }
  }

  /** Calls back with the number of each session of a cell with this mean. */
  customersIn(cell: Cell, mean: number, found: (session: number, startMicros: number) => void): void {
    const { startMs, lengthMs } = cell;
    this.selectCell(startMs);
    let left = this.draws.poisson(DRAW.count, mean);
    if (left === 0) return;
    const size = this.sizeAt(startMs);
    const startMicros = startMs * MICROS_PER_MS;
    const middleMs = startMs + lengthMs / 2;
    const { customers } = this.marketplace;
    const index = startMs / GRID_MS;
    const candidates = min(size, MAX_CANDIDATES + CANDIDATES_PER_SESSION * left);
    const isFlat = this.rhythm.chanceOf(0, middleMs) === 1 && this.rhythm.chanceOf(1, middleMs) === 1;
    for (let session = 0; session < candidates && left > 0; session++) {
      const customer = this.customerOf(startMs, session);
      const chance = isFlat ? 1 : this.rhythm.chanceOf(customers.countryOf(customer), middleMs);
      if (!customers.comes(customer, index, chance, startMicros)) continue;
      left--;
      found(session, this.startOf(cell, session));
    }
  }

  /** The customer of a session: registered before the cell starts. */
  customerOf(startMs: number, session: number): number {
    if (this.chosen.startMs !== startMs) {
      const { key } = this.marketplace;
      const index = startMs / GRID_MS;
      this.permutation.choose(key.key0, key.key1, index | 0, (index / 2 ** 32) | 0, this.sizeAt(startMs));
      this.chosen.startMs = startMs;
    }
    return this.permutation.at(session);
  }

  /** When a session of a Poisson process starts: uniform in its cell. */
  startOf({ startMs, lengthMs }: Cell, session: number): number {
    this.selectIn(this.starts, startMs, session);
    return floor((startMs + lengthMs * this.starts.fraction(1)) * MICROS_PER_MS);
  }

  /** When a session of regular arrivals starts: the gaps are uniform from 1/3 to 5/3 of their mean. */
  private regularStart({ startMs, lengthMs }: Cell, session: number, pairs: number): number {
    const pairMicros = (lengthMs * MICROS_PER_MS) / pairs;
    const pair = floor(session / 2);
    this.selectIn(this.starts, startMs, pair);
    const gap = session % 2 === 0 ? 0 : (1 + 4 * this.starts.fraction(0)) / 6;
    return floor(startMs * MICROS_PER_MS + (pair + gap) * pairMicros);
  }

  /** Selects a thing of a cell: its start on the grid, and a number below 2^24. */
  selectIn(draws: Draws, startMs: number, number: number): Draws {
    const index = startMs / GRID_MS;
    return draws.select(index | 0, ((index / 2 ** 32) << 24) | number);
  }

  /** Number of customers when a cell starts. */
  sizeAt(startMs: number): number {
    const { starts, counts } = this.sizes;
    const index = (startMs / GRID_MS) | 0;
    // Cells of a second differ in the upper bits of their index only.
    const place = (index ^ (index >>> 6)) & (CACHED_CELLS - 1);
    if (starts[place] !== startMs) {
      starts[place] = startMs;
      counts[place] = max(1, this.marketplace.customersAt(startMs));
    }
    return counts[place] as number;
  }

  private selectCell(startMs: number): void {
    const index = startMs / GRID_MS;
    this.draws.select(index | 0, (index / 2 ** 32) | 0);
  }

  /** Expected events per second of catalog and customers on the day of this time. */
  backgroundRate(ms: number): number {
    const day = floor(ms / MS_PER_DAY);
    if (day === this.background.day) return this.background.eventsPerSecond;
    const { vendors, products, customers } = this.marketplace;
    const fromMicros = day * MS_PER_DAY * MICROS_PER_MS;
    let eventsPerSecond = 0;
    for (const { growth, slots, changing } of [
      { growth: vendors.growth, slots: vendors.slots, changing: 1 },
      { growth: products.growth, slots: products.slots, changing: this.shareOfListed(fromMicros) },
      { growth: customers.growth, slots: customers.slots, changing: 1 },
    ]) {
      const count = growth.countAt(fromMicros);
      const joined = growth.countAt(fromMicros + MS_PER_DAY * MICROS_PER_MS) - count;
      eventsPerSecond += (joined * MS_PER_SECOND) / MS_PER_DAY;
      eventsPerSecond += (count * changing * MICROS_PER_SECOND) / slots.periodMicros;
    }
    this.background.day = day;
    this.background.eventsPerSecond = eventsPerSecond;
    return eventsPerSecond;
  }

  /** Share of the products that still change, of up to 512 of them. */
  private shareOfListed(micros: number): number {
    const { products, scenario } = this.marketplace;
    if (scenario.values === 'uniform') return 0;
    const count = products.growth.countAt(micros);
    const step = max(1, floor(count / SAMPLED_PRODUCTS));
    let sampled = 0;
    let listed = 0;
    for (let number = 0; number < count; number += step) {
      sampled++;
      if (products.isListed(products.get(number), micros)) listed++;
    }
    return sampled === 0 ? 0 : listed / sampled;
  }
}
