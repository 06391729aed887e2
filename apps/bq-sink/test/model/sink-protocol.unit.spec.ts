import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { BREAKS } from './breaks';
import type { BreakName } from './rules';
import { SCENARIOS } from './scenarios';
import { SinkProtocol } from './sink-protocol';

const BOUND = { maxStates: 400_000 };

describe('the protocol of the sink', () => {
  it.each(SCENARIOS)('loses and doubles nothing and always ends: $name', ({ bounds }) => {
    const { violation, trace, ends } = explore(new SinkProtocol(bounds), BOUND);
    expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
    expect(ends).toBeGreaterThan(0);
  });
});

describe('the protocol of the sink, broken', () => {
  const names = Object.keys(BREAKS) as BreakName[];

  it.each(names)('is caught by a shortest trace: %s', (name) => {
    const { bounds, violation, length } = BREAKS[name];
    const found = explore(new SinkProtocol(bounds, name), BOUND);
    expect(found.violation).toBe(violation);
    expect(found.trace).toHaveLength(length);
  });

  it.each(names)('is clean within the same bounds when it is patched: %s', (name) => {
    expect(explore(new SinkProtocol(BREAKS[name].bounds), BOUND).violation).toBeUndefined();
  });
});
