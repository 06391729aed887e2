import { type Family, type LedgerIntent } from '@orderstream/contracts';
import { type OutputRecord } from '@orderstream/kafka';
import { type SimulatedRecord, valueHash } from '../simulation/record';
import { type Sequence } from '../simulation/sequence';

/** Consecutive records of the sequence that are sent and acknowledged together. */
export interface Batch {
  readonly number: number;
  readonly firstSeq: number;
  readonly intents: readonly LedgerIntent[];
  /** Catalog and customers. The activities refer to them, so they must be acknowledged first. */
  readonly references: readonly OutputRecord[];
  /** Orders and interactions. */
  readonly activities: readonly OutputRecord[];
  readonly defects: number;
}

export interface BatchLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

const outputOf = (record: SimulatedRecord, topic: string): OutputRecord => ({
  topic,
  partition: record.partition,
  key: record.key === null ? null : Buffer.from(record.key),
  value: record.value,
  headers: record.headers,
});

/** Generates the next records of the sequence, at least one. The last one may exceed `maxBytes`. */
export function nextBatch(
  sequence: Sequence,
  number: number,
  { maxRecords, maxBytes }: BatchLimits,
  topicOf: (family: Family) => string,
): Batch {
  const firstSeq = sequence.nextSeq;
  const intents: LedgerIntent[] = [];
  const references: OutputRecord[] = [];
  const activities: OutputRecord[] = [];
  let defects = 0;
  let bytes = 0;
  do {
    const record = sequence.next();
    const { seq, family, partition, defect, expected } = record;
    const topic = topicOf(family);
    intents.push({ seq, topic, partition, sha256: valueHash(record), defect, expected });
    (family === 'catalog' || family === 'customers' ? references : activities).push(outputOf(record, topic));
    if (defect !== null) defects++;
    bytes += record.value?.length ?? 0;
  } while (intents.length < maxRecords && bytes < maxBytes);
  return { number, firstSeq, intents, references, activities, defects };
}
