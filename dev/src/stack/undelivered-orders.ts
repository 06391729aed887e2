import { type BigQuery } from '@google-cloud/bigquery';
import { queryFresh } from '@orderstream/bigquery';
import { deadLetterTopic } from '@orderstream/contracts';
import { parseDeadLetter } from '@orderstream/dead-letters';
import { type BatchPlace, fetchLogBounds, readPartition } from '@orderstream/kafka';
import { type Kafka } from 'kafkajs';

/** Records of the topic that the bridge has published and committed: in each partition from `from` up to `until`. */
export interface PublishedRange {
  readonly partition: number;
  readonly from: number;
  /** Exclusive. */
  readonly until: number;
}

export interface Undelivered {
  /** Number of records that are neither in the table nor among the bridge's dead letters. */
  readonly records: number;
  /** The first of them, by partition. */
  readonly first: ReadonlyMap<number, number>;
  /**
   * Number of records in batches that cannot be decoded, neither: they cannot be published again, so they are not in `records`.
   */
  readonly unreadable: number;
}

export interface DeliverySources {
  readonly kafka: Kafka;
  readonly bigquery: BigQuery;
  /** `dataset.table` of the BigQuery subscription. */
  readonly table: string;
  readonly topic: string;
}

const QUERY_DEADLINE_MS = 120_000;

/**
 * Finds the records that the bridge has committed and the BigQuery subscription has not written.
 *
 * @param since no earlier row is read: the table grows for days, and rows in the order of their time can be skipped
 */
export async function findUndelivered(
  sources: DeliverySources,
  ranges: readonly PublishedRange[],
  since: Date,
  signal: AbortSignal,
): Promise<Undelivered> {
  const { kafka, topic } = sources;
  const { beginnings } = await fetchLogBounds(kafka, topic);
  // What retention has deleted cannot be published again.
  const readable = ranges.map((range) => ({ ...range, from: Math.max(range.from, beginnings[range.partition] ?? 0) }));
  const wanted = readable.filter(({ from, until }) => from < until);
  const first = new Map<number, number>();
  let records = 0;
  let unreadable = 0;
  if (wanted.length === 0) return { records, first, unreadable };
  const delivered = await countDelivered(sources, wanted, since);
  for (const range of wanted) {
    const { partition, from, until } = range;
    const published: number[] = [];
    const damaged: { readonly offsets: readonly number[]; readonly records: number }[] = [];
    const onUnreadable = ({ baseOffset, nextOffset }: BatchPlace, unread: number): void => {
      const [begin, end] = [Math.max(baseOffset, from), Math.min(nextOffset, until)];
      damaged.push({ offsets: Array.from({ length: end - begin }, (_, i) => begin + i), records: unread });
    };
    await readPartition(kafka, { topic, partition, from, until, signal, onUnreadable }, (batch) => {
      for (const { offset } of batch.records) published.push(offset);
    });
    if (damaged.length === 0 && delivered.get(partition) === published.length) continue;
    const arrived = await deliveredOffsets(sources, range, since);
    for (const offset of await deadLettered(kafka, topic, partition, signal)) arrived.add(offset);
    const missing = published.filter((offset) => !arrived.has(offset));
    records += missing.length;
    for (const batch of damaged) {
      unreadable += Math.min(batch.records, batch.offsets.filter((offset) => !arrived.has(offset)).length);
    }
    if (missing[0] !== undefined) first.set(partition, missing[0]);
  }
  return { records, first, unreadable };
}

const COORDINATES = `SELECT DISTINCT SAFE_CAST(JSON_VALUE(attributes, '$.kafka_partition') AS INT64) AS part,
    SAFE_CAST(JSON_VALUE(attributes, '$.kafka_offset') AS INT64) AS kafka_offset`;
const ROWS = `publish_time >= TIMESTAMP_MILLIS(@since) AND JSON_VALUE(attributes, '$.kafka_topic') = @topic`;

/** Number of delivered records of each range, by partition. */
async function countDelivered(
  { bigquery, table, topic }: DeliverySources,
  ranges: readonly PublishedRange[],
  since: Date,
): Promise<Map<number, number>> {
  const inRanges = ranges.map(
    ({ partition, from, until }) =>
      `(part = ${String(partition)} AND kafka_offset >= ${String(from)} AND kafka_offset < ${String(until)})`,
  );
  const rows = await queryFresh(
    bigquery,
    `SELECT part, COUNT(*) AS delivered FROM (${COORDINATES} FROM ${table} WHERE ${ROWS})
     WHERE ${inRanges.join(' OR ')} GROUP BY part`,
    { topic, since: since.getTime() },
    { deadlineMs: QUERY_DEADLINE_MS },
  );
  return new Map(rows.map(({ part, delivered }) => [Number(part), Number(delivered)]));
}

async function deliveredOffsets(
  { bigquery, table, topic }: DeliverySources,
  { partition, from, until }: PublishedRange,
  since: Date,
): Promise<Set<number>> {
  const rows = await queryFresh(
    bigquery,
    `SELECT kafka_offset FROM (${COORDINATES} FROM ${table} WHERE ${ROWS})
     WHERE part = @partition AND kafka_offset >= @from AND kafka_offset < @until`,
    { topic, since: since.getTime(), partition, from, until },
    { deadlineMs: QUERY_DEADLINE_MS },
  );
  return new Set(rows.map((row) => Number(row.kafka_offset)));
}

/** Offsets of the records that the bridge has rejected. Its dead letters are in the partition of their record. */
async function deadLettered(kafka: Kafka, topic: string, partition: number, signal: AbortSignal): Promise<number[]> {
  const offsets: number[] = [];
  const range = { partition, from: 'beginning', until: 'end', signal } as const;
  await readPartition(kafka, { topic: deadLetterTopic(topic, 'pubsub-bridge'), ...range }, (batch) => {
    for (const record of batch.records) {
      const { source, batch: skipped } = parseDeadLetter(record);
      const last = skipped?.lastOffset ?? source.offset;
      for (let offset = source.offset; offset <= last; offset++) offsets.push(offset);
    }
  });
  return offsets;
}
