import { type DeadLetterApp, isParkedTopic } from '@orderstream/contracts';
import type { KafkaRecord } from '@orderstream/kafka';

import { type Coordinates, sourceOf } from './headers';

/** The topic whose records return through this retry topic of the app; undefined for another topic. */
export function retriedTopic(topic: string, app: DeadLetterApp): string | undefined {
  const suffix = `.retry.${app}`;
  return topic.endsWith(suffix) ? topic.slice(0, -suffix.length) : undefined;
}

/**
 * The coordinates of the record that a replay has returned to a retry topic: the replay leaves the `dlq-source-*` headers of
 * the dead letter on it, and keeps the partition. Undefined for a record that no replay has written.
 */
export function retriedSource(record: KafkaRecord, app: DeadLetterApp): Coordinates | undefined {
  const source = sourceOf(record.headers);
  if (source?.partition !== record.partition) return undefined;
  return source.topic === retriedTopic(record.topic, app) ? source : undefined;
}

/** Whether a dead letter was rejected too often to be replayed again. */
export const isParked = ({ topic }: { readonly topic: string }): boolean => isParkedTopic(topic);

/** The reason to reject a record of a retry topic that no replay has written: it has no source. */
export const NOT_REPLAYED = {
  code: 'replay.source_unknown',
  path: 'dlq-source-topic',
  constraint: 'coordinates of the source record',
} as const;
