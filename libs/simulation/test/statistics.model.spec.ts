import { type AnyEvent, VERTICALS } from '@orderstream/contracts';
import { EventCursor, Marketplace, type NumberedEvent, type Scenario } from '../src';
import { sessionExpectation } from '../src/journeys/expectation';
import { NOON_MS, scenarioNamed, scenarioOf, segmentOf } from './scenarios';

/** Statistical tests with fixed seeds. Each tolerance is at least three standard errors of its statistic. */
const SECOND = 1_000_000;
const NOON = NOON_MS * 1_000;
const DAY_MS = 86_400_000;

type Body<T extends AnyEvent['event_type']> = Extract<AnyEvent, { event_type: T }>;

/** The events of the first seconds, without the announcement. */
function* eventsOf(scenario: Scenario, rate: number, seconds: number, startMs = NOON_MS): Generator<NumberedEvent> {
  const cursor = EventCursor.begin(segmentOf(scenario, rate, 'statistics', startMs));
  const untilMicros = (startMs + seconds * 1_000) * 1_000;
  while (cursor.position < cursor.announcements && (cursor.next(startMs * 1_000)?.n ?? -1) >= 0);
  for (let event = cursor.next(untilMicros); event !== undefined; event = cursor.next(untilMicros)) yield event;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values: readonly number[]): number => {
  const average = mean(values);
  return Math.sqrt(mean(values.map((value) => (value - average) ** 2)));
};
const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? NaN;
const ratio = (found: number, expected: number): number => Math.abs(found / expected - 1);

/** A session is one event. */
const VISITS_ONLY = 'funnel: { bounce: 1 }\n';

describe('arrivals', () => {
  it('are a Poisson process: as many sessions vary as much in a second as in a minute', () => {
    const perSecond = new Array<number>(3_000).fill(0);
    for (const { type, occurredMicros } of eventsOf(scenarioOf(VISITS_ONLY), 40, 3_000)) {
      if (type !== 'session.started') continue;
      const second = Math.floor((occurredMicros - NOON) / SECOND);
      perSecond[second] = (perSecond[second] ?? 0) + 1;
    }
    const perMinute = Array.from({ length: 50 }, (_, m) => mean(perSecond.slice(60 * m, 60 * (m + 1))) * 60);
    // Standard errors: sqrt(2 / 3000) and sqrt(2 / 50).
    expect(ratio(deviation(perSecond) ** 2 / mean(perSecond), 1)).toBeLessThan(0.1);
    expect(ratio(deviation(perMinute) ** 2 / mean(perMinute), 1)).toBeLessThan(0.7);
    expect(ratio(mean(perSecond), 40)).toBeLessThan(0.02);
  });

  it('follow hour and weekday of each country', () => {
    const scenario = scenarioOf(`${VISITS_ONLY}countries: { DE: 0.5, US: 0.5 }\narrivals: { rhythm: daily }`);
    const monday = Date.parse('2026-03-02');
    const byHour = { DE: new Array<number>(24).fill(0), US: new Array<number>(24).fill(0) };
    const byDay = new Array<number>(7).fill(0);
    for (const { body, occurredMicros } of eventsOf(scenario, 0.2, 7 * 86_400, monday)) {
      if (body.event_type !== 'session.started') continue;
      const country = body.visit_country === 'US' ? 'US' : 'DE';
      const hour = Math.floor(occurredMicros / 1_000 / 3_600_000) % 24;
      byHour[country][hour] = (byHour[country][hour] ?? 0) + 1;
      const day = Math.floor((occurredMicros / 1_000 - monday) / DAY_MS);
      byDay[day] = (byDay[day] ?? 0) + 1;
    }
    const peakOf = (hours: readonly number[]): number => hours.indexOf(Math.max(...hours));
    // The evening: 20:00 or 21:00 local time, which is UTC+1 and UTC-6.
    expect([19, 20]).toContain(peakOf(byHour.DE));
    expect([2, 3]).toContain(peakOf(byHour.US));
    // At 20:00 there are 1.85 / 0.08 times as many as at 03:00.
    expect(ratio((byHour.DE[19] ?? 0) / (byHour.DE[2] ?? 1), 1.85 / 0.08)).toBeLessThan(0.4);
    expect(ratio((byDay[6] ?? 0) / (byDay[4] ?? 1), 1.15 / 0.93)).toBeLessThan(0.1);
  });

  it('have gaps of 1 to 5 seconds in the scenario original', () => {
    const times: number[] = [];
    const orders: Body<'order.placed'>[] = [];
    for (const { body, occurredMicros } of eventsOf(
      scenarioOf('arrivals: { process: regular }\nvalues: uniform\norders: { rated: 0.8 }'),
      1 / 3,
      9_000,
    )) {
      if (body.event_type !== 'order.placed') continue;
      times.push(occurredMicros / SECOND);
      orders.push(body);
    }
    const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
    expect(ratio(times.length, 3_000)).toBeLessThan(0.01);
    expect(Math.min(...gaps)).toBeGreaterThan(0.998);
    expect(Math.max(...gaps)).toBeLessThan(5.002);
    for (let second = 1; second < 5; second++) {
      expect(gaps.filter((gap) => gap >= second && gap < second + 1).length / gaps.length).toBeCloseTo(0.25, 1);
    }
    expect(
      Math.abs(orders.filter(({ order_rating }) => order_rating != null).length / orders.length - 0.8),
    ).toBeLessThan(0.03);
  });
});

describe('the target rate', () => {
  it.each([
    ['steady', 'lifecycleSpeed: 20000', 400, 60, 500],
    [
      'with a large catalog',
      'lifecycleSpeed: 20000\npopulation: { products: 4000 }\ncatalog: { productChangeHours: 0.05 }',
      200,
      60,
      900,
    ],
    ['of orders only', 'arrivals: { process: regular }', 100, 0, 600],
  ])(
    'is met within 2 %% over all events: %s',
    (_, yaml, rate, warmUpSeconds, seconds) => {
      let count = 0;
      for (const { emittedMicros } of eventsOf(scenarioOf(yaml), rate, warmUpSeconds + seconds)) {
        if (emittedMicros >= NOON + warmUpSeconds * SECOND) count++;
      }
      expect(ratio(count / seconds, rate)).toBeLessThan(0.02);
    },
    60_000,
  );

  it('is met on average over a week with a daily rhythm', () => {
    let count = 0;
    for (const event of eventsOf(scenarioOf('lifecycleSpeed: 2000\narrivals: { rhythm: daily }'), 0.5, 7 * 86_400))
      if (event.n >= 0) count++;
    expect(ratio(count / (7 * 86_400), 0.5)).toBeLessThan(0.02);
  }, 60_000);
});

describe('what customers do', () => {
  const scenario = scenarioOf('lifecycleSpeed: 2000\npopulation: { vendors: 200, products: 6000 }');
  const counts = new Map<string, number>();
  const views = new Map<string, number>();
  const sessions = new Set<string>();
  const placed = new Map<string, { readonly body: Body<'order.placed'>; readonly micros: number }>();
  const paid = new Map<string, number>();
  const delivered = new Map<string, number>();
  const ratings: { readonly vendor: string; readonly rating: number; readonly days: number }[] = [];
  const returned = new Set<string>();
  const payDelays: number[] = [];
  const reviews: { readonly rating: number; readonly text: string }[] = [];
  const rated = new Map<string, number>();

  beforeAll(() => {
    for (const { body, occurredMicros: micros } of eventsOf(scenario, 700, 800)) {
      // From here on as many sessions end as begin.
      if (micros > NOON + 150 * SECOND) counts.set(body.event_type, (counts.get(body.event_type) ?? 0) + 1);
      switch (body.event_type) {
        case 'session.started':
          sessions.add(body.session_id);
          break;
        case 'product.viewed':
          views.set(body.item_sku, (views.get(body.item_sku) ?? 0) + 1);
          break;
        case 'order.placed':
          placed.set(body.order_id, { body, micros });
          break;
        case 'order.paid':
          paid.set(body.order_id, micros);
          payDelays.push(micros - (placed.get(body.order_id)?.micros ?? NaN));
          break;
        case 'order.delivered':
          delivered.set(body.order_id, micros);
          break;
        case 'order.rated': {
          const order = placed.get(body.order_id);
          const days = ((delivered.get(body.order_id) ?? 0) - (order?.micros ?? 0)) / SECOND / 43.2;
          ratings.push({ vendor: order?.body.vendor_id ?? '', rating: body.order_rating, days });
          rated.set(body.order_id, body.order_rating);
          break;
        }
        case 'order.returned':
          returned.add(body.order_id);
          break;
        case 'review.submitted':
          if (body.review_text != null) reviews.push({ rating: body.review_rating, text: body.review_text });
          break;
        default:
      }
    }
  }, 120_000);

  const count = (type: string): number => counts.get(type) ?? 0;

  it('is a funnel in which 2 to 4 % of the sessions order, as many as the scenario says', () => {
    const share = count('order.placed') / count('session.started');
    expect(share).toBeGreaterThan(0.02);
    expect(share).toBeLessThan(0.04);
    expect(ratio(share, sessionExpectation(scenario).orders)).toBeLessThan(0.06);
    expect(ratio(count('product.viewed') / count('session.started'), 0.75 * 5)).toBeLessThan(0.03);
    expect(ratio(count('search.performed') / count('session.started'), 0.75 * 0.45)).toBeLessThan(0.03);
    expect(ratio(count('checkout.started') / count('cart.item_added'), 0.88 * 0.62)).toBeLessThan(0.06);
    expect(ratio(count('cart.item_removed') / count('cart.item_added'), 0.12)).toBeLessThan(0.12);
  });

  it('views products by a Zipf law', () => {
    const ranked = [...views.values()].sort((a, b) => b - a);
    const points = Array.from({ length: 300 }, (_, index) => index + 3).map(
      (rank) => [Math.log(rank), Math.log(ranked[rank - 1] ?? 1)] as const,
    );
    const x = mean(points.map(([rank]) => rank));
    const y = mean(points.map(([, views]) => views));
    const slope =
      points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0) / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
    expect(slope).toBeGreaterThan(-1.1);
    expect(slope).toBeLessThan(-0.7);
  });

  it('pays after a log-normal delay', () => {
    // Two minutes, at a speed of 2000.
    expect(ratio(median(payDelays), 60_000)).toBeLessThan(0.12);
    expect(ratio(deviation(payDelays.map((delay) => Math.log(delay))), 1.2)).toBeLessThan(0.08);
    expect(ratio(paid.size / placed.size, 0.95)).toBeLessThan(0.02);
  });

  it('rates by the quality of the vendor, and lower when the delivery is late', () => {
    const marketplace = new Marketplace('statistics', scenario);
    const quality = new Map(
      Array.from({ length: 230 }, (_, number) => marketplace.vendors.get(number)).map(({ id, quality: value }) => [
        id,
        value,
      ]),
    );
    const levels = [0.4, 0.7, 1.01].map((high, index) => {
      const low = [0, 0.4, 0.7][index] ?? 0;
      return mean(
        ratings
          .filter(
            ({ vendor, days }) => days < 4 && (quality.get(vendor) ?? -1) >= low && (quality.get(vendor) ?? -1) < high,
          )
          .map(({ rating }) => rating),
      );
    });
    expect((levels[1] ?? 0) - (levels[0] ?? 0)).toBeGreaterThan(0.2);
    expect((levels[2] ?? 0) - (levels[1] ?? 0)).toBeGreaterThan(0.2);
    const late = ratings.filter(({ days }) => days > 4).map(({ rating }) => rating);
    const inTime = ratings.filter(({ days }) => days < 4).map(({ rating }) => rating);
    expect(late.length).toBeGreaterThan(40);
    expect(mean(inTime) - mean(late)).toBeGreaterThan(0.7);
    // Of the orders of the first half: the others may be rated later.
    const early = [...delivered.keys()].filter((id) => (placed.get(id)?.micros ?? Infinity) < NOON + 400 * SECOND);
    expect(Math.abs(early.filter((id) => rated.has(id)).length / early.length - 0.6)).toBeLessThan(0.05);
  });

  it('returns bad goods more often than good ones, and clothes more often than books', () => {
    const shareOf = (test: (id: string) => boolean): number => {
      const ids = [...delivered.keys()].filter(test);
      return ids.filter((id) => returned.has(id)).length / ids.length;
    };
    expect(shareOf((id) => (rated.get(id) ?? 9) <= 2)).toBeGreaterThan(1.8 * shareOf((id) => rated.get(id) === 5));
    const inVertical = (vertical: string) => (id: string) => placed.get(id)?.body.vendor_vertical === vertical;
    expect(shareOf(inVertical('Fashion'))).toBeGreaterThan(3 * shareOf(inVertical('Books')));
  });

  it('writes reviews that fit the rating', () => {
    const of = (low: number, high: number): string[] =>
      reviews.filter(({ rating }) => rating >= low && rating <= high).map(({ text }) => text);
    expect(of(5, 5).length).toBeGreaterThan(50);
    expect(of(5, 5).some((text) => /disappointed|waste|sent it back|poor/i.test(text))).toBe(false);
    expect(
      of(1, 1).every((text) => /^(Very disappointed|Do not buy this|A waste of money|I sent it back)\./.test(text)),
    ).toBe(true);
    expect(new Set(of(4, 5)).size).toBeGreaterThan(30);
  });
});

describe('prices', () => {
  it('are log-normal by vertical, with the median and the deviation of the scenario', () => {
    const scenario = scenarioOf('population: { vendors: 300, products: 20000 }\ncatalog: { promotions: 0 }');
    const marketplace = new Marketplace('prices', scenario);
    const logs = new Map<string, number[]>(VERTICALS.map((vertical) => [vertical, []]));
    for (let number = 0; number < 20_000; number++) {
      const product = marketplace.products.get(number);
      logs
        .get(product.vendor.vertical)
        ?.push(Math.log(marketplace.products.regularCents(product, product.listedPeriod + 3) / 100));
    }
    for (const vertical of VERTICALS) {
      const values = logs.get(vertical) ?? [];
      const { medianPrice, priceSigma } = scenario.verticals[vertical];
      // Prices end in .49 to .99, which moves cheap ones by some per cent.
      expect([vertical, Math.abs(median(values) - Math.log(medianPrice)) < 0.1]).toEqual([vertical, true]);
      expect([vertical, ratio(deviation(values), priceSigma) < 0.1]).toEqual([vertical, true]);
      const skewness = mean(values.map((value) => ((value - mean(values)) / deviation(values)) ** 3));
      expect([vertical, Math.abs(skewness) < 0.3]).toEqual([vertical, true]);
    }
  });
});

describe('cohorts', () => {
  it('come back less from month to month, and a few customers come often', () => {
    const { customers } = new Marketplace('cohorts', scenarioNamed('steady'));
    // The customers of the first half of 2025, at ages of 0 to 12 months.
    const from = customers.growth.countAt(Date.parse('2025-01-01') * 1_000);
    const to = customers.growth.countAt(Date.parse('2025-03-01') * 1_000);
    const activityAt = (months: number): number[] => {
      const values: number[] = [];
      for (let number = from; number < to; number += 3) {
        values.push(customers.activityOf(number, customers.growth.timeOf(number) + months * 30 * DAY_MS * 1_000));
      }
      return values;
    };
    const months = [0, 1, 3, 6, 12].map((month) => mean(activityAt(month)));
    // exp(-age / 300 d), and the novelty of the first weeks: 1, 0.70, 0.42, 0.29, 0.18 with 5 % of those who left.
    const expected = [1, 30, 90, 180, 360].map((days, index) => {
      const age = index === 0 ? 0 : days;
      const stays = Math.exp(-age / 300);
      return (0.5 + 0.5 * Math.exp(-age / 45)) * (stays + 0.05 * (1 - stays));
    });
    months.forEach((value, index) => {
      expect(ratio(value / (months[0] ?? 1), expected[index] ?? 0)).toBeLessThan(0.06);
    });
    const sorted = activityAt(0).sort((a, b) => b - a);
    const top = sorted.slice(0, sorted.length / 5).reduce((sum, value) => sum + value, 0);
    // The fifth with the most loyalty has 1 - 0.8^3.5 of it.
    expect(ratio(top / sorted.reduce((sum, value) => sum + value, 0), 1 - 0.8 ** 3.5)).toBeLessThan(0.05);
  });
});

describe('late journeys', () => {
  it('are a share of those on mobile devices, and late as a whole', () => {
    const lateBySession = new Map<string, number>();
    let mobile = 0;
    let late = 0;
    for (const { body, occurredMicros, emittedMicros } of eventsOf(
      scenarioOf('late: { share: 0.33, hours: { median: 0.02, sigma: 0.5 } }'),
      100,
      900,
    )) {
      if (!('session_id' in body)) continue;
      const lateMicros = emittedMicros - occurredMicros;
      const known = lateBySession.get(body.session_id) ?? lateMicros;
      expect(lateMicros).toBe(known);
      lateBySession.set(body.session_id, known);
      if (body.event_type !== 'session.started') continue;
      if (body.device !== 'mobile' && body.device !== 'app') expect(lateMicros).toBe(0);
      else if (occurredMicros < NOON + 500 * SECOND) {
        mobile++;
        if (lateMicros > 0) late++;
      }
    }
    expect(Math.abs(late / mobile - 0.33)).toBeLessThan(0.03);
  });
});
