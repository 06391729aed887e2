import { EventCursor } from './index';
import { NOON_MS, SCENARIO_NAMES, scenarioNamed, scenarioOf, segmentOf } from '../test/scenarios';
import { Validator } from '../test/validator';
import { notAccepted } from '../test/verdicts';

/** `verdicts.model.spec.ts` evaluates 200,000. */
const EVENTS = 8_000;

describe('the rules of the validator', () => {
  it.each(SCENARIO_NAMES)(
    'accept 8,000 events of %s, without a repair or a flag',
    (name) => {
      const { wrong, types, ids } = notAccepted(EventCursor.begin(segmentOf(scenarioNamed(name), 500)), EVENTS);
      expect(wrong.slice(0, 3)).toEqual([]);
      const total = [...types.values()].reduce((sum, count) => sum + count, 0);
      expect(ids).toBe(total);
      if (name !== 'original') expect(total).toBe(EVENTS);
    },
    60_000,
  );

  it('accept a market in which everything changes all the time', () => {
    const scenario = scenarioOf(`
population: { vendors: 60, products: 500, customers: 3000 }
catalog: { productChangeHours: 0.02, vendorChangeDays: 0.002, renameEvery: 3, promotions: 0.5, productLifetimeDays: 400 }
customerChangeDays: 0.05
funnel: { bounce: 0.05, cart: 0.7, checkout: 0.9, order: 0.9, thinkSeconds: { median: 3 } }
late: { share: 0.3, hours: { median: 0.02, sigma: 1 } }
orders: { rated: 0.9, reviewed: 0.8 }
lifecycleSpeed: 20000
producers: 3
rollout: { from: 2026-03-02, hours: 24 }
effects:
  - { kind: flash-sale, everyMinutes: 3, offsetMinutes: 1, durationMinutes: 1 }
  - { kind: vendor-outage, everyMinutes: 2, durationMinutes: 1 }
  - { kind: bot-burst, everyMinutes: 4, offsetMinutes: 2, durationMinutes: 0.5 }
`);
    const { wrong, types } = notAccepted(EventCursor.begin(segmentOf(scenario, 500, 'busy')), 5 * EVENTS);
    expect(wrong.slice(0, 3)).toEqual([]);
    const seen = [...types].filter(([, count]) => count > 5).map(([type]) => type);
    expect(seen).toEqual(
      expect.arrayContaining([
        'vendor.updated',
        'product.price_changed',
        'product.updated',
        'customer.updated',
        'order.cancelled',
        'order.rated',
        'order.returned',
        'review.submitted',
        'cart.item_removed',
      ]),
    );
  }, 60_000);

  it('accept orders although names change all the time and the catalog is late', () => {
    const scenario = scenarioOf(`
population: { vendors: 30, products: 200, customers: 3000 }
catalog: { productChangeHours: 0.05, vendorChangeDays: 0.005, renameEvery: 3, lateSeconds: 20 }
funnel: { bounce: 0.05, cart: 0.7, checkout: 0.9, order: 0.9, meanViews: 2, thinkSeconds: { median: 2 } }
lifecycleSpeed: 20000
`);
    const { wrong, types } = notAccepted(EventCursor.begin(segmentOf(scenario, 100, 'late')), 2 * EVENTS);
    expect(wrong.slice(0, 3)).toEqual([]);
    expect(types.get('order.placed')).toBeGreaterThan(500);
    expect(types.get('vendor.updated')).toBeGreaterThan(5);
  }, 60_000);

  it('accept a segment that follows another one, with the orders that are open', () => {
    const first = EventCursor.begin(segmentOf(scenarioNamed('flash-sale'), 500, 'chain'));
    const validator = new Validator();
    const run = (cursor: EventCursor, untilMs: number): string[] => {
      const wrong: string[] = [];
      for (let event = cursor.next(untilMs * 1_000); event !== undefined; event = cursor.next(untilMs * 1_000)) {
        const verdict = validator.evaluateEvent(event);
        if (verdict.kind !== 'accept' || verdict.flags.length > 0)
          wrong.push(`${event.type} ${JSON.stringify(verdict)}`);
      }
      return wrong;
    };
    expect(run(first, NOON_MS + 120_000).slice(0, 3)).toEqual([]);
    const segment = segmentOf(scenarioNamed('steady'), 500, 'chain', NOON_MS + 121_000);
    const second = EventCursor.follow(segment, first.checkpoint());
    expect(run(second, NOON_MS + 60_000).slice(0, 3)).toEqual([]);
  }, 120_000);
});
