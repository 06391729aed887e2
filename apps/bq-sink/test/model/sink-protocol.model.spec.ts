import { explore, formatTrace } from '../../../../test/model-checking/explore';
import { DEEP_SCENARIOS } from './scenarios';
import { SinkProtocol } from './sink-protocol';

describe('the model of the sink protocol, within large bounds', () => {
  it.each(DEEP_SCENARIOS)(
    'loses and duplicates no record and can always end: $name',
    ({ bounds }) => {
      const { violation, trace, ends } = explore(new SinkProtocol(bounds), { maxStates: 20_000_000 });
      expect(violation === undefined ? '' : `${violation}\n${formatTrace(trace)}`).toBe('');
      expect(ends).toBeGreaterThan(0);
    },
    900_000,
  );
});
