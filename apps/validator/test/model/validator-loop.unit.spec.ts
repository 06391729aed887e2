import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { BREAKS } from './breaks';
import type { BreakName } from './bounds';
import { SCENARIOS } from './scenarios';
import { ValidatorLoop } from './validator-loop';

const BOUND = { maxStates: 400_000 };

describe('the loop of the validator', () => {
  it.each(SCENARIOS)('loses, doubles and misevaluates nothing and always ends: $name', ({ bounds }) => {
    const { violation, trace, ends } = explore(new ValidatorLoop(bounds), BOUND);
    expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
    expect(ends).toBeGreaterThan(0);
  });
});

describe('the loop of the validator, broken', () => {
  const names = Object.keys(BREAKS) as BreakName[];

  it.each(names)('is caught by a shortest trace: %s', (name) => {
    const { bounds, violation, length } = BREAKS[name];
    const found = explore(new ValidatorLoop(bounds, name), BOUND);
    expect(found.violation).toBe(violation);
    expect(found.trace).toHaveLength(length);
  });

  it.each(names)('is clean within the same bounds when it is patched: %s', (name) => {
    expect(explore(new ValidatorLoop(BREAKS[name].bounds), BOUND).violation).toBeUndefined();
  });
});
