import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { DEEP_SCENARIOS } from './scenarios';
import { ValidatorLoop } from './validator-loop';

describe('the loop of the validator, within wide bounds', () => {
  it.each(DEEP_SCENARIOS)(
    'loses, doubles and misevaluates nothing and always ends: $name',
    ({ bounds }) => {
      const { violation, trace, ends } = explore(new ValidatorLoop(bounds), { maxStates: 20_000_000 });
      expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
      expect(ends).toBeGreaterThan(0);
    },
    900_000,
  );
});
