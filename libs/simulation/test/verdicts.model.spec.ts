import { EventCursor } from '../src';
import { SCENARIO_NAMES, scenarioNamed, segmentOf } from './scenarios';
import { notAccepted } from './verdicts';

const EVENTS = 200_000;

describe('the rules of the validator', () => {
  it.each(SCENARIO_NAMES)(
    'accept 200,000 events of %s, without a repair or a flag',
    (name) => {
      const { wrong, types, ids } = notAccepted(EventCursor.begin(segmentOf(scenarioNamed(name), 500)), EVENTS);
      expect(wrong.slice(0, 3)).toEqual([]);
      const total = [...types.values()].reduce((sum, count) => sum + count, 0);
      expect(ids).toBe(total);
      // The scenario original ends before.
      if (name !== 'original') expect(total).toBe(EVENTS);
    },
    240_000,
  );
});
