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

describe('the loop of the validator with a deliberate fault', () => {
  const names = Object.keys(BREAKS) as BreakName[];

  it.each(names)('violates the protocol by a trace of the expected length: %s', (name) => {
    const { bounds, violation, length } = BREAKS[name];
    const found = explore(new ValidatorLoop(bounds, name), BOUND);
    expect(found.violation).toBe(violation);
    expect(found.trace).toHaveLength(length);
  });

  it.each(names)('has no violation within the same bounds without the fault: %s', (name) => {
    expect(explore(new ValidatorLoop(BREAKS[name].bounds), BOUND).violation).toBeUndefined();
  });
});
