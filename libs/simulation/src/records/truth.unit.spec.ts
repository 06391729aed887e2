import { scenarioNamed, scenarioOf, SCENARIO_NAMES, segmentOf } from '../../test/scenarios';
import { truthOf } from '../../test/truth';
import { SPECS } from './defects/defects';
import { nameOf } from './defects/spec';

/** `truth.model.spec.ts` evaluates up to 1,000,000. */
const RECORDS = 8_000;
const RESENDS = { every: 1_500, records: 700, delayMs: 3_000 };

describe('the expected verdict', () => {
  it.each(SCENARIO_NAMES)(
    'is that of the rules for each of 8,000 records of %s, a quarter of them additional ones',
    (name) => {
      const segment = { ...segmentOf(scenarioNamed(name), 500), defectRate: 0.2 };
      const { wrong, expectedRules, countedRules } = truthOf(segment, RECORDS);
      expect(wrong).toEqual([]);
      expect(countedRules).toEqual(expectedRules);
    },
    60_000,
  );

  it('is that of the rules when names change all the time, the catalog is late, and pieces of the log are sent again', () => {
    const scenario = scenarioOf(`
population: { vendors: 30, products: 200, customers: 20000 }
catalog: { productChangeHours: 0.05, vendorChangeDays: 0.005, renameEvery: 3, lateSeconds: 20 }
customerChangeDays: 0.05
funnel: { bounce: 0.05, cart: 0.7, checkout: 0.9, order: 0.9, thinkSeconds: { median: 2 } }
late: { share: 0.3, hours: { median: 0.02, sigma: 1 } }
lifecycleSpeed: 20000
producers: 3
effects:
  - { kind: flash-sale, everyMinutes: 3, offsetMinutes: 1, durationMinutes: 1 }
`);
    const segment = { ...segmentOf(scenario, 300, 'busy'), defectRate: 0.4 };
    const { wrong, expectedRules, countedRules, evaluated, defects } = truthOf(segment, 5 * RECORDS, RESENDS);
    expect(wrong).toEqual([]);
    expect(countedRules).toEqual(expectedRules);
    expect(evaluated).toBeGreaterThan(6 * RECORDS);
    // Most of the defects, and near misses, are among them.
    expect(SPECS.filter((spec) => defects.has(nameOf(spec))).length).toBeGreaterThan(0.8 * SPECS.length);
  }, 120_000);
});
