import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { BREAKS } from './breaks';
import type { BreakName } from './model-context';
import { SCENARIOS } from './scenarios';
import { SinkProtocol } from './sink-protocol';

const BOUND = { maxStates: 400_000 };

describe('the model of the sink protocol', () => {
  it.each(SCENARIOS)('loses and duplicates no record and can always end: $name', ({ bounds }) => {
    const { violation, trace, ends } = explore(new SinkProtocol(bounds), BOUND);
    expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
    expect(ends).toBeGreaterThan(0);
  });
});

describe('the model of the sink protocol without one of its rules', () => {
  const names = Object.keys(BREAKS) as BreakName[];

  it.each(names)('violates the protocol, with a shortest trace of known length: %s', (name) => {
    const { bounds, violation, length } = BREAKS[name];
    const found = explore(new SinkProtocol(bounds, name), BOUND);
    expect(found.violation).toBe(violation);
    expect(found.trace).toHaveLength(length);
  });

  it.each(names)('has no violation within the same bounds when the rule is in place: %s', (name) => {
    expect(explore(new SinkProtocol(BREAKS[name].bounds), BOUND).violation).toBeUndefined();
  });
});
