import { SCENARIO_NAMES, scenarioNamed, segmentOf } from './scenarios';
import { truthOf } from './truth';

const RECORDS = 200_000;
const MANY_RECORDS = 1_000_000;
const RESENDS = { every: 20_000, records: 3_000, delayMs: 4_000 };

describe('the expected verdict', () => {
  it.each(SCENARIO_NAMES)(
    'is that of the rules for each of 200,000 records of %s, and when pieces of the log are sent again',
    (name) => {
      const scenario = scenarioNamed(name);
      const segment =
        scenario.defects.rate > 0 ? segmentOf(scenario, 500) : { ...segmentOf(scenario, 500), defectRate: 0.04 };
      for (const resends of [undefined, RESENDS]) {
        const { wrong, expectedRules, countedRules, defects } = truthOf(segment, RECORDS, resends);
        expect(wrong).toEqual([]);
        expect(countedRules).toEqual(expectedRules);
        expect(defects.size).toBeGreaterThan(name === 'original' ? 50 : 150);
      }
    },
    600_000,
  );

  it.each(['dirty-day', 'late-mobile'])(
    'is that of the rules for each of 1,000,000 records of %s, with pieces of the log sent again',
    (name) => {
      const segment = { ...segmentOf(scenarioNamed(name), 2_000), defectRate: 0.05 };
      const { wrong, expectedRules, countedRules, evaluated } = truthOf(segment, MANY_RECORDS, RESENDS);
      expect(wrong).toEqual([]);
      expect(countedRules).toEqual(expectedRules);
      expect(evaluated).toBeGreaterThan(1.1 * MANY_RECORDS);
    },
    1_200_000,
  );
});
