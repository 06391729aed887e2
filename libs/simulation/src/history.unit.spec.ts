import { type HistoricalOrder, History } from './index';
import { meetsContract } from '../test/validator';
import { scenarioNamed, scenarioOf } from '../test/scenarios';

const DAY_MS = 86_400_000;
const FROM_MS = Date.parse('2024-11-20');
const ordersOf = (history: History, fromMs: number, toMs: number): HistoricalOrder[] => [
  ...history.ordersPlaced(fromMs, toMs),
];

describe('the history', () => {
  const history = new History('test', scenarioNamed('daily'));

  it('of days that are computed alone, in any order, is that of the whole', () => {
    const whole = ordersOf(history, FROM_MS, FROM_MS + 6 * DAY_MS);
    const other = new History('test', scenarioNamed('daily'));
    const days = [4, 1, 5, 0, 3, 2].map((day) => ({
      day,
      orders: ordersOf(other, FROM_MS + day * DAY_MS, FROM_MS + (day + 1) * DAY_MS),
    }));
    const joined = days.toSorted((a, b) => a.day - b.day).flatMap(({ orders }) => orders);
    expect(joined).toEqual(whole);
    expect(ordersOf(other, FROM_MS + 1_234_567, FROM_MS + 7_654_321)).toEqual(
      whole.filter(
        ({ placedMicros }) =>
          placedMicros >= (FROM_MS + 1_234_567) * 1_000 && placedMicros < (FROM_MS + 7_654_321) * 1_000,
      ),
    );
    expect(whole.length).toBeGreaterThan(1_000);
    expect(ordersOf(new History('2', scenarioNamed('daily')), FROM_MS, FROM_MS + DAY_MS)).not.toEqual(
      whole.slice(0, 1),
    );
  });

  it('has the orders of its scenario in three years, each unique and after the registration', () => {
    const history = new History(
      'test',
      scenarioOf('arrivals: { rhythm: daily, season: 0.35 }\nhistory: { orders: 60000 }'),
    );
    const keys = new Set<string>();
    let count = 0;
    let last = 0;
    let rated = 0;
    const byMonth = new Array<number>(36).fill(0);
    for (const { placedMicros, body } of history.ordersPlaced(0, Date.parse('2030-01-01'))) {
      count++;
      keys.add(`${body.customer_id} ${body.vendor_id} ${body.order_placed_at}`);
      if (body.customer_registered_at > body.order_placed_at)
        throw new Error(`before its registration: ${JSON.stringify(body)}`);
      if (placedMicros < last) throw new Error('not in order of time');
      last = placedMicros;
      if (body.order_rating != null) rated++;
      const date = new Date(placedMicros / 1_000);
      const month = (date.getUTCFullYear() - 2023) * 12 + date.getUTCMonth();
      byMonth[month] = (byMonth[month] ?? 0) + 1;
    }
    // Four standard deviations of a Poisson number are 1.6 %; products that cannot be ordered cost less than 1 % more.
    expect(Math.abs(count / 60_000 - 1)).toBeLessThan(0.025);
    expect(keys.size).toBe(count);
    // Of the delivered orders, 60 % are rated: 0.6 * 0.95 * 0.97.
    expect(rated / count).toBeCloseTo(0.553, 2);
    // It grows from year to year, and has its season in November.
    const [first = 0, , , , may = 0] = byMonth;
    expect((byMonth[24] ?? 0) / first).toBeGreaterThan(1.6);
    expect((byMonth[10] ?? 0) / may).toBeGreaterThan(1.7);
  }, 60_000);

  it('meets the contract', () => {
    const bad = ordersOf(history, FROM_MS, FROM_MS + DAY_MS).filter(
      ({ body }) => !meetsContract({ type: 'order.placed', body } as Parameters<typeof meetsContract>[0]),
    );
    expect(bad).toEqual([]);
  });

  it('has the values of the original pipeline in its scenario', () => {
    const original = new History(
      'test',
      scenarioOf(`
values: uniform
popularity: 0
loyalty: { skew: 0 }
population: { vendors: 500, products: 20000 }
arrivals: { process: regular }
orders: { rated: 0.8 }
`),
    );
    const orders = ordersOf(original, FROM_MS, FROM_MS + 40 * DAY_MS).map(({ body }) => body);
    const shareOf = (test: (order: (typeof orders)[number]) => boolean): number =>
      orders.filter(test).length / orders.length;
    expect(orders.length).toBeGreaterThan(6_000);
    expect(shareOf(({ order_rating }) => order_rating != null)).toBeCloseTo(0.8, 1);
    for (let quarter = 0; quarter < 4; quarter++) {
      const low = 10 + 247.5 * quarter;
      expect(shareOf(({ item_price }) => Number(item_price) >= low && Number(item_price) < low + 247.5)).toBeCloseTo(
        0.25,
        1,
      );
    }
    for (let value = 1; value <= 10; value++)
      expect(shareOf(({ item_quantity }) => item_quantity === value)).toBeCloseTo(0.1, 1);
    for (let value = 1; value <= 5; value++)
      expect(shareOf(({ order_rating }) => order_rating === value)).toBeCloseTo(0.16, 1);
    const prices = orders.map(({ item_price }) => Number(item_price));
    expect(Math.min(...prices)).toBeGreaterThanOrEqual(10);
    expect(Math.max(...prices)).toBeLessThanOrEqual(1_000);
  });
});
