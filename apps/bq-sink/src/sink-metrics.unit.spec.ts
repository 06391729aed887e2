import { FAMILIES } from '@orderstream/contracts';
import { Metrics } from '@orderstream/observability';

import { SinkMetrics } from './sink-metrics';

describe('SinkMetrics', () => {
  it('has the counters whose increase raises an alert before the first one', async () => {
    const metrics = new Metrics({ app: 'bq-sink', processMetrics: false });
    new SinkMetrics(metrics, { info: () => undefined } as never, () => []);
    const text = await metrics.registry.metrics();
    for (const family of FAMILIES) {
      expect(text).toContain(`orderstream_fallbacks_taken_total{family="${family}",app="bq-sink"} 0`);
      expect(text).toContain(`orderstream_streams_created_total{family="${family}",app="bq-sink"} 0`);
      expect(text).toContain(`orderstream_records_total{family="${family}",outcome="dead_lettered",app="bq-sink"} 0`);
    }
  });
});
