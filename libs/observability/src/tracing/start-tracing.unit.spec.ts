import { Metrics, NO_TRACING, startTracing } from '../index';

jest.mock('@opentelemetry/sdk-trace', () => {
  throw new Error('the SDK was loaded');
});

describe('without an endpoint', () => {
  const options = {
    serviceName: 'validator',
    sampler: { name: 'always_on', ratio: 1 },
    logger: { warn: () => undefined },
    metrics: new Metrics({ app: 'validator', processMetrics: false }),
  } as const;

  it('nothing of the SDK is loaded', async () => {
    expect(await startTracing({ endpoint: undefined, ...options })).toBe(NO_TRACING);
    // This test would notice it.
    await expect(startTracing({ endpoint: 'http://127.0.0.1:1', ...options })).rejects.toThrow('the SDK was loaded');
  });
});
