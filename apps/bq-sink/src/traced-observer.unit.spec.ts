import { RowBuffer } from '@orderstream/bigquery';
import { validatedTopic } from '@orderstream/contracts';
import type { KafkaRecord } from '@orderstream/kafka';
import { NO_TRACING } from '@orderstream/observability';

import { RecordedTracing } from '../../../test/support/recorded-tracing';
import { SILENT_OBSERVER } from '../test/silent-observer';
import { tracedObserver } from './traced-observer';

const topic = validatedTopic('orders');
const partition = { topic, partition: 2 };
const record = (offset: number): KafkaRecord => ({
  ...partition,
  offset,
  timestamp: 0,
  key: null,
  value: null,
  headers: {},
});
const TABLE = { dataset: 'ecommerce_db', table: 'order_events' };

describe('the traced observer of the sink', () => {
  it('adds a span for each acknowledged append, with its duration, and each run of dead letters, with its reasons', () => {
    const tracing = new RecordedTracing();
    const observer = tracedObserver(SILENT_OBSERVER, tracing, partition, TABLE);
    const beforeMs = performance.now();
    observer.appended([record(5), record(6)], new RowBuffer(), 60);
    observer.rejected([{ record: record(7), reason: { code: 'sink.row_rejected' }, isParked: false }]);
    expect(tracing.batches).toMatchObject([
      {
        operation: {
          name: 'append',
          destination: topic,
          attributes: { 'db.namespace': 'ecommerce_db', 'db.collection.name': 'order_events' },
        },
        outcomes: [{ outcome: 'appended' }, { outcome: 'appended' }],
        ended: true,
      },
      {
        operation: { name: 'send', destination: `${topic}.dlq.bq-sink` },
        outcomes: [{ outcome: 'dead_lettered', reason: 'sink.row_rejected' }],
        ended: true,
      },
    ]);
    const agoMs = beforeMs - (tracing.batches[0]?.startedMs ?? Infinity);
    expect(agoMs).toBeGreaterThan(50_000);
    expect(agoMs).toBeLessThanOrEqual(60_000);
  });

  it('is the observer itself without tracing', () => {
    expect(tracedObserver(SILENT_OBSERVER, NO_TRACING, partition, TABLE)).toBe(SILENT_OBSERVER);
  });
});
