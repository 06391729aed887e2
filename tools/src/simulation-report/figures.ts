import { type AnyEvent, VERTICALS } from '@orderstream/contracts';
import {
  EventCursor,
  History,
  Marketplace,
  type NumberedEvent,
  type Scenario,
  SIMULATION_VERSION,
} from '@orderstream/simulation';
import { chart, type Figure, heatmap, type Series } from './plots';

const DAY_MS = 86_400_000;
/** A Monday. */
const START_MS = Date.UTC(2026, 2, 2);
const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

/** The events of some seconds from a Monday on, without the announcement of the catalog. */
function* eventsOf(
  scenario: Scenario,
  seed: string,
  eventsPerSecond: number,
  seconds: number,
): Generator<NumberedEvent> {
  const rates = [{ fromMs: START_MS, eventsPerSecond }];
  const cursor = EventCursor.begin({
    id: 'report',
    seed,
    scenario,
    simulationVersion: SIMULATION_VERSION,
    startMs: START_MS,
    rates,
  });
  const untilMicros = (START_MS + seconds * 1_000) * 1_000;
  for (let event = cursor.next(untilMicros); event !== undefined; event = cursor.next(untilMicros)) {
    if (event.emittedMicros > START_MS * 1_000) yield event;
  }
}

class Counts {
  private readonly counts = new Map<number, number>();
  add(key: number, count = 1): void {
    this.counts.set(key, (this.counts.get(key) ?? 0) + count);
  }
  of(key: number): number {
    return this.counts.get(key) ?? 0;
  }
  get points(): [number, number][] {
    return [...this.counts].sort(([a], [b]) => a - b);
  }
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Shares by logarithmic classes: a log-normal distribution is a bell. */
function logHistogram(values: readonly number[], perDecade = 8): [number, number][] {
  const counts = new Counts();
  for (const value of values) counts.add(Math.round(Math.log10(value) * perDecade));
  return counts.points.map(([bin, count]) => [10 ** (bin / perDecade), count / values.length]);
}

/** A week with a daily rhythm. */
export function week(scenario: Scenario, seed: string): Figure[] {
  const byHour = new Counts();
  const cells = WEEKDAYS.map(() => new Array<number>(24).fill(0));
  let events = 0;
  for (const { type, occurredMicros } of eventsOf(scenario, seed, 0.5, 7 * 86_400)) {
    events++;
    if (type !== 'session.started') continue;
    const hour = Math.floor((occurredMicros / 1_000 - START_MS) / 3_600_000);
    byHour.add(hour);
    const row = cells[Math.floor(hour / 24)];
    if (row !== undefined) row[hour % 24] = (row[hour % 24] ?? 0) + 1;
  }
  return [
    {
      title: 'Sessions by hour of a week (daily)',
      caption: `Quiet nights, a peak in the evening, most on Sunday. Target 0.5 events/s, found ${(events / 7 / 86_400).toFixed(3)} (the season of March is below 1).`,
      svg: chart({ label: 'hour of the week, UTC' }, { label: 'sessions' }, [
        { name: 'sessions', points: byHour.points, kind: 'line' },
      ]),
    },
    {
      title: 'Sessions by weekday and hour (daily)',
      caption: 'Dark is busy. Hours in UTC: most customers live one hour ahead.',
      svg: heatmap(
        WEEKDAYS,
        Array.from({ length: 24 }, (_, hour) => String(hour)),
        cells,
        String,
      ),
    },
  ];
}

/** Three years of history. */
export function history(scenario: Scenario, seed: string): Figure[] {
  const fromMs = Date.parse(scenario.history.from);
  const customers = new Marketplace(seed, scenario).customers.growth;
  const revenue = new Map<string, Counts>(VERTICALS.map((vertical) => [vertical, new Counts()]));
  const weekly = new Counts();
  const cohorts = Array.from({ length: 10 }, () => new Array<number>(10).fill(0));
  const ratings = new Counts();
  let orders = 0;
  const quarterOf = (ms: number): number => Math.floor((ms - fromMs) / (91 * DAY_MS));
  for (const { placedMicros, body } of new History(seed, scenario).ordersPlaced(0, Infinity)) {
    const ms = placedMicros / 1_000;
    orders++;
    weekly.add(Math.floor((ms - fromMs) / (7 * DAY_MS)));
    revenue.get(body.vendor_vertical)?.add(quarterOf(ms), Number(body.item_price) * body.item_quantity);
    ratings.add(body.order_rating ?? 0);
    const cohort = quarterOf(Date.parse(body.customer_registered_at));
    const row = cohorts[cohort];
    const age = quarterOf(ms) - cohort;
    if (row !== undefined && age < 10 && quarterOf(ms) < 12) row[age] = (row[age] ?? 0) + 1;
  }
  const sizes = cohorts.map((_, cohort) => {
    const at = (quarter: number): number => customers.countAt((fromMs + quarter * 91 * DAY_MS) * 1_000);
    return at(cohort + 1) - at(cohort);
  });
  return [
    {
      title: 'Orders per week of the history',
      caption: `${orders} orders from ${scenario.history.from} to ${scenario.history.to}: they grow with the customers, and peak in November.`,
      svg: chart({ label: 'week' }, { label: 'orders' }, [
        { name: 'orders', points: weekly.points.slice(0, -1), kind: 'line' },
      ]),
    },
    {
      title: 'Revenue by vertical and quarter',
      caption: 'The verticals differ by interest, conversion, price and quantity.',
      svg: chart(
        { label: 'quarter' },
        { label: 'revenue' },
        [...revenue].map(([name, counts]): Series => ({
          name,
          points: counts.points.filter(([quarter]) => quarter < 12),
          kind: 'line',
        })),
      ),
    },
    {
      title: 'Orders per 1,000 customers, by quarter of registration and age',
      caption: 'Each row is a cohort. It orders less from quarter to quarter, as customers leave.',
      svg: heatmap(
        cohorts.map((_, cohort) => `Q${cohort + 1}`),
        Array.from({ length: 10 }, (_, age) => `+${age}`),
        cohorts.map((row, cohort) => row.map((count) => (1_000 * count) / (sizes[cohort] ?? 1))),
        (value) => value.toFixed(0),
      ),
    },
    {
      title: 'Ratings of the history',
      caption: `Rated: ${percent(1 - ratings.of(0) / orders)} of the orders.`,
      svg: chart({ label: 'rating', names: ['none', '1', '2', '3', '4', '5'] }, { label: 'orders' }, [
        { name: 'orders', points: ratings.points, kind: 'bars' },
      ]),
    },
  ];
}

/** Prices of the products of a large catalog. */
export function prices(scenario: Scenario, seed: string): Figure {
  const marketplace = new Marketplace(seed, {
    ...scenario,
    population: { ...scenario.population, vendors: 500, products: 20_000 },
  });
  const byVertical = new Map<string, number[]>(VERTICALS.map((vertical) => [vertical, []]));
  for (let number = 0; number < 20_000; number++) {
    const product = marketplace.products.get(number);
    byVertical
      .get(product.vendor.vertical)
      ?.push(marketplace.products.regularCents(product, product.listedPeriod) / 100);
  }
  return {
    title: 'Prices by vertical',
    caption: 'Bells on a logarithmic axis: log-normal, each around its median.',
    svg: chart(
      { label: 'price', isLog: true },
      { label: 'share of the products' },
      [...byVertical].map(([name, values]): Series => ({ name, points: logHistogram(values, 5), kind: 'line' })),
    ),
  };
}

type Placed = Extract<AnyEvent, { event_type: 'order.placed' }>;

/** What customers do, at a high rate and with fast deliveries. */
export function behaviour(scenario: Scenario, seed: string): Figure[] {
  const speed = 2_000;
  const fast: Scenario = {
    ...scenario,
    lifecycleSpeed: speed,
    population: { ...scenario.population, vendors: 200, products: 6_000 },
  };
  const counts = new Map<string, number>();
  const views = new Map<string, number>();
  const last = new Map<string, number>();
  const delays: Record<string, number[]> = {
    'order.paid': [],
    'order.shipped': [],
    'order.delivered': [],
    'order.rated': [],
  };
  const placed = new Map<string, Placed>();
  const ratings = new Map<string, number[]>();
  const payments = new Map<string, number>();
  for (const { type, body, occurredMicros } of eventsOf(fast, seed, 700, 800)) {
    if (occurredMicros > (START_MS + 150_000) * 1_000) counts.set(type, (counts.get(type) ?? 0) + 1);
    if (body.event_type === 'product.viewed') views.set(body.item_sku, (views.get(body.item_sku) ?? 0) + 1);
    if (!('order_id' in body)) continue;
    if (body.event_type === 'order.placed') placed.set(body.order_id, body);
    const before = last.get(body.order_id);
    if (before !== undefined) delays[type]?.push(((occurredMicros - before) * speed) / 3_600_000_000);
    last.set(body.order_id, occurredMicros);
    if (body.event_type === 'order.paid')
      payments.set(body.payment_method, (payments.get(body.payment_method) ?? 0) + 1);
    if (body.event_type === 'order.rated') {
      const vendor = placed.get(body.order_id)?.vendor_id ?? '';
      ratings.set(vendor, [...(ratings.get(vendor) ?? []), body.order_rating]);
    }
  }
  const count = (type: string): number => counts.get(type) ?? 0;
  const steps = [
    'session.started',
    'cart.item_added',
    'checkout.started',
    'order.placed',
    'order.delivered',
    'order.rated',
    'order.returned',
  ];
  const ranked = [...views.values()].sort((a, b) => b - a).map((value, index): [number, number] => [index + 1, value]);
  const [, highest = 1] = ranked[2] ?? [];
  const marketplace = new Marketplace(seed, fast);
  const byQuality = Array.from({ length: 220 }, (_, number) => marketplace.vendors.get(number)).flatMap(
    (vendor): [number, number][] => {
      const rated = ratings.get(vendor.id) ?? [];
      return rated.length < 8 ? [] : [[vendor.quality, mean(rated)]];
    },
  );
  return [
    {
      title: 'From session to order',
      caption: `${percent(count('order.placed') / count('session.started'))} of the sessions order; ${percent(count('order.returned') / count('order.delivered'))} of the deliveries are returned.`,
      svg: chart(
        { label: '', names: ['session', 'cart', 'checkout', 'order', 'delivered', 'rated', 'returned'] },
        { label: 'events', isLog: true },
        [{ name: 'events', points: steps.map((type, index) => [index, count(type)]), kind: 'bars' }],
      ),
    },
    {
      title: 'Product views by rank',
      caption: `A straight line on logarithmic axes is a Zipf law; dashed: exponent ${scenario.popularity}.`,
      svg: chart({ label: 'rank', isLog: true }, { label: 'views', isLog: true }, [
        { name: 'views', points: ranked.filter(([rank]) => rank < 40 || rank % 25 === 0), kind: 'dots' },
        {
          name: 'Zipf',
          points: [1, 1_000].map((rank) => [rank, highest * (rank / 3) ** -scenario.popularity]),
          kind: 'dashed',
        },
      ]),
    },
    {
      title: 'Delays of an order',
      caption: 'Each from the event before it, in hours of the marketplace: log-normal.',
      svg: chart(
        { label: 'hours', isLog: true },
        { label: 'share' },
        Object.entries(delays).map(([name, values]): Series => ({
          name,
          points: logHistogram(values, 5),
          kind: 'line',
        })),
      ),
    },
    {
      title: 'Mean rating of a vendor by its quality',
      caption: 'Each dot is a vendor with at least 8 ratings.',
      svg: chart({ label: 'quality' }, { label: 'mean rating' }, [
        { name: 'vendors', points: byQuality, kind: 'dots' },
      ]),
    },
    {
      title: 'Payment methods',
      caption: 'Paid orders by method.',
      svg: chart({ label: '', names: [...payments.keys()] }, { label: 'orders' }, [
        { name: 'orders', points: [...payments.values()].map((value, index) => [index, value]), kind: 'bars' },
      ]),
    },
  ];
}

/** Events per second, for a scenario with effects. */
export function course(scenario: Scenario, seed: string, minutes: number, caption: string): Figure {
  const seconds = 15;
  const emitted = { events: new Counts(), orders: new Counts() };
  for (const { type, emittedMicros } of eventsOf(scenario, seed, 100, minutes * 60)) {
    const bin = Math.floor((emittedMicros / 1_000 - START_MS) / 1_000 / seconds);
    emitted.events.add(bin, 1 / seconds);
    if (type === 'order.placed') emitted.orders.add(bin, 20 / seconds);
  }
  const inMinutes = (counts: Counts): [number, number][] =>
    counts.points.slice(0, -1).map(([bin, value]) => [(bin * seconds) / 60, value]);
  return {
    title: `Events per second (${scenario.name})`,
    caption,
    svg: chart({ label: 'minutes' }, { label: 'per second' }, [
      { name: 'events', points: inMinutes(emitted.events), kind: 'line' },
      { name: 'orders x 20', points: inMinutes(emitted.orders), kind: 'line' },
    ]),
  };
}

/** How late the events of mobile devices are. */
export function lateness(scenario: Scenario, seed: string): Figure {
  const hours: number[] = [];
  let sessions = 0;
  for (const { type, occurredMicros, emittedMicros } of eventsOf(scenario, seed, 5, 86_400)) {
    if (type !== 'session.started') continue;
    sessions++;
    if (emittedMicros > occurredMicros) hours.push((emittedMicros - occurredMicros) / 3_600_000_000);
  }
  return {
    title: 'Lateness of sessions (late-mobile)',
    caption: `${percent(hours.length / sessions)} of the sessions of a day arrive late, the others at once.`,
    svg: chart({ label: 'hours', isLog: true }, { label: 'share of the late sessions' }, [
      { name: 'sessions', points: logHistogram(hours), kind: 'line' },
    ]),
  };
}
