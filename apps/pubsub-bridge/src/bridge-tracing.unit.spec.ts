import type { KafkaRecord } from '@orderstream/kafka';
import { NO_TRACING } from '@orderstream/observability';

import { RecordedTracing } from '../../../test/support/recorded-tracing';
import { BridgeTracing } from './bridge-tracing';

const record: KafkaRecord = {
  topic: 'orders.validated',
  partition: 2,
  offset: 5,
  timestamp: 0,
  key: null,
  value: null,
  headers: {},
};
const message = { record, data: Buffer.alloc(0), attributes: [], orderingKey: '', bytes: 0 };
const names = { pubsubTopic: 'orders-topic', deadLetterTopic: 'orders.dlq', groupId: 'pubsub-bridge' };
const { signal } = new AbortController();

describe('the spans of the bridge', () => {
  it('are one for each publish request, acknowledged or not, and one for each run of dead letters', async () => {
    const tracing = new RecordedTracing();
    const bridge = new BridgeTracing(tracing, names);
    const failure = new Error('unavailable');
    await bridge.traced(() => Promise.resolve())([message], signal);
    await expect(bridge.traced(() => Promise.reject(failure))([message], signal)).rejects.toBe(failure);
    bridge.deadLettered([{ record, reasons: [{ code: 'publish.rejected' }] }], 0);
    const publish = { name: 'publish', system: 'gcp_pubsub', destination: 'orders-topic' };
    expect(tracing.batches).toMatchObject([
      { operation: publish, records: [record], outcomes: [{ outcome: 'published' }], ended: true },
      { operation: publish, records: [record], outcomes: [], ended: false, error: failure },
      {
        operation: { name: 'send', system: 'kafka', destination: 'orders.dlq' },
        outcomes: [{ outcome: 'dead_lettered', reason: 'publish.rejected' }],
        ended: true,
      },
    ]);
  });

  it('do not touch the publish call without tracing', () => {
    const call = (): Promise<void> => Promise.resolve();
    expect(new BridgeTracing(NO_TRACING, names).traced(call)).toBe(call);
  });
});
