import { deadLetterTopic, validatedTopic } from '@orderstream/contracts';
import type { KafkaRecord, TopicPartition } from '@orderstream/kafka';
import type { BatchOperation, Tracing } from '@orderstream/observability';

import { sourceOf } from './sink-topics';
import type { DeadLettered, SinkObserver } from './streams/sink-observer';

/** Where a partition's rows go. */
export interface TracedTable {
  readonly dataset: string;
  readonly table: string;
}

/**
 * Adds the spans of a partition: one for each append that BigQuery acknowledged and one for each run of dead letters. An append
 * that fails has none: what it held is sent again or found in the table by recovery.
 */
export function tracedObserver(
  observer: SinkObserver,
  tracing: Tracing,
  { topic }: TopicPartition,
  { dataset, table }: TracedTable,
): SinkObserver {
  if (!tracing.enabled) return observer;
  const source = sourceOf(topic);
  const common = { system: 'kafka', consumerGroup: source.groupId, records: 'process' } as const;
  const append: BatchOperation = {
    ...common,
    name: 'append',
    type: 'process',
    destination: topic,
    attributes: { 'db.system.name': 'gcp.bigquery', 'db.namespace': dataset, 'db.collection.name': table },
  };
  const deadLetter: BatchOperation = {
    ...common,
    name: 'send',
    type: 'send',
    destination: deadLetterTopic(source.kind === 'retry' ? validatedTopic(source.family) : topic, 'bq-sink'),
  };
  return {
    ...observer,
    appended: (records, rows, seconds) => {
      observer.appended(records, rows, seconds);
      const trace = tracing.begin(append, records, performance.now() - seconds * 1_000);
      trace?.settle(() => ({ outcome: 'appended' }));
      trace?.end();
    },
    rejected: (rejections) => {
      observer.rejected(rejections);
      const reasons = new Map<KafkaRecord, DeadLettered>(rejections.map((rejection) => [rejection.record, rejection]));
      const trace = tracing.begin(deadLetter, [...reasons.keys()]);
      trace?.settle((record) => ({ outcome: 'dead_lettered', reason: reasons.get(record)?.reason.code }));
      trace?.end();
    },
  };
}
