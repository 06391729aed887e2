import { type Family, FAMILIES } from '@orderstream/contracts';
import { type Compression, type OutputRecord } from '@orderstream/kafka';
import { type Scenario, type SimulatedRecord } from '@orderstream/simulation';
import { type RecordSource } from './record-source';

/** Multiples of it, modulo 2^32, are spread evenly. */
const GOLDEN_RATIO = 2_654_435_769;

/** Consecutive records of a segment that are sent and acknowledged together. */
export interface Batch {
  /** Number of the record behind its last one. */
  readonly end: number;
  readonly records: number;
  /** Records that count for `maxEvents`: neither counted before, nor of the announcement of the catalog. */
  readonly events: number;
  /** Records that were not counted before. */
  readonly generated: number;
  readonly defects: number;
  /** Catalog and customers. The activities refer to them, so they must be acknowledged first. */
  readonly references: readonly OutputRecord[];
  /** Orders and interactions. */
  readonly activities: readonly OutputRecord[];
  readonly byFamily: Readonly<Record<Family, number>>;
  readonly compression: Compression | undefined;
}

export interface BatchLimits {
  readonly untilMs: number;
  readonly maxRecords: number;
  readonly maxBytes: number;
  /** Most records that count for `maxEvents`. */
  readonly maxEvents: number;
  /** Records with a smaller number were counted before. */
  readonly countFrom: number;
}

const outputOf = ({ partition, key, value, headers }: SimulatedRecord, topic: string): OutputRecord => ({
  topic,
  partition,
  key,
  value,
  headers,
});

/** By the share of each codec: a function of the number behind the batch's last record. */
function compressionOf({ compression: { gzip, zstd } }: Scenario, end: number): Compression | undefined {
  const fraction = (Math.imul(end, GOLDEN_RATIO) >>> 0) / 2 ** 32;
  if (fraction < gzip) return 'gzip';
  return fraction < gzip + zstd ? 'zstd' : undefined;
}

/** The next records of the source within the limits; undefined if there is none. The last one may exceed `maxBytes`. */
export function nextBatch(
  source: RecordSource,
  { untilMs, maxRecords, maxBytes, maxEvents, countFrom }: BatchLimits,
  topicOf: (family: Family) => string,
): Batch | undefined {
  const references: OutputRecord[] = [];
  const activities: OutputRecord[] = [];
  const byFamily = Object.fromEntries(FAMILIES.map((family) => [family, 0])) as Record<Family, number>;
  const { announcements } = source.segment;
  let [records, events, generated, defects, bytes] = [0, 0, 0, 0, 0];
  while (records < maxRecords && bytes < maxBytes && events < maxEvents) {
    const { number } = source;
    const record = source.take(untilMs);
    if (record === undefined) break;
    const { family, n, value, intent } = record;
    (family === 'catalog' || family === 'customers' ? references : activities).push(outputOf(record, topicOf(family)));
    byFamily[family]++;
    records++;
    bytes += value?.length ?? 0;
    if (number < countFrom) continue;
    generated++;
    if (n >= announcements) events++;
    if (intent.defect !== null) defects++;
  }
  if (records === 0) return undefined;
  const { number: end, segment } = source;
  const compression = compressionOf(segment.scenario, end);
  return { end, records, events, generated, defects, references, activities, byFamily, compression };
}
