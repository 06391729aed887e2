import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { DEEP_SCENARIOS } from './scenarios';
import { SinkProtocol } from './sink-protocol';

describe('the protocol of the sink, within long bounds', () => {
  it.each(DEEP_SCENARIOS)(
    'loses and doubles nothing and always ends: $name',
    ({ bounds }) => {
      const { violation, trace, ends } = explore(new SinkProtocol(bounds), { maxStates: 20_000_000 });
      expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
      expect(ends).toBeGreaterThan(0);
    },
    900_000,
  );
});
