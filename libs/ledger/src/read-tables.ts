import { type BigQuery } from '@google-cloud/bigquery';
import { queryFresh, type QueryRow } from '@orderstream/bigquery';
import { type Family, FAMILY_TABLES } from '@orderstream/contracts';
import { type Letter, LETTERS_TABLE } from './compare-letters';
import { type TableRow } from './evidence';
import { contentOfRow, eventColumns, type RowContent } from './row-content';

/** Records of a validated topic: offsets from `from` (inclusive) to `until` (exclusive). */
export interface RecordRange {
  readonly topic: string;
  readonly partition: number;
  readonly from: number;
  readonly until: number;
}

/** Enough for a run of millions of rows on a busy machine. */
const QUERY_OPTIONS = { deadlineMs: 600_000 };
const MAX_OFFSETS = 25_000;

/** Reads the rows of a range of records by their Kafka coordinates. */
export class TableReader {
  constructor(
    private readonly bigquery: BigQuery,
    private readonly dataset: string,
  ) {}

  /** Rows of a family's table, in the order of their offsets. */
  async rows(family: Family, range: RecordRange): Promise<TableRow[]> {
    const found: TableRow[] = [];
    for (const slice of slicesOf(range)) {
      const rows = await queryFresh(
        this.bigquery,
        `SELECT _kafka_offset AS kafka_offset, _retry_offset IS NOT NULL AS replayed, ${columnList(family)} FROM ${this.dataset}.${FAMILY_TABLES[family]}
         WHERE _kafka_topic = @topic AND _kafka_partition = @partition
           AND _kafka_offset >= @from AND _kafka_offset < @until
         ORDER BY _kafka_offset`,
        { ...slice },
        QUERY_OPTIONS,
      );
      for (const row of rows) {
        const content = contentOfRow(family, row);
        const isReplayed = row.replayed === true;
        found.push({ offset: integer(row, 'kafka_offset'), eventId: String(row.event_id), content, isReplayed });
      }
    }
    return found;
  }

  /** Rows of the table of dead letters, in the order of their offsets in a dead-letter topic. */
  async letters(range: RecordRange): Promise<Letter[]> {
    const found: Letter[] = [];
    for (const slice of slicesOf(range)) {
      const rows = await queryFresh(
        this.bigquery,
        `SELECT _kafka_offset AS kafka_offset, reason, attempt, source_offset FROM ${this.dataset}.${LETTERS_TABLE}
         WHERE _kafka_topic = @topic AND _kafka_partition = @partition
           AND _kafka_offset >= @from AND _kafka_offset < @until
         ORDER BY _kafka_offset`,
        { ...slice },
        QUERY_OPTIONS,
      );
      for (const row of rows) {
        found.push({
          offset: integer(row, 'kafka_offset'),
          reason: String(row.reason),
          attempt: integer(row, 'attempt'),
          sourceOffset: row.source_offset === null ? undefined : integer(row, 'source_offset'),
        });
      }
    }
    return found;
  }

  /** The rows of `streaming_orders` by offset, one for each delivery. A subscription delivers at least once. */
  async deliveries(range: RecordRange): Promise<Map<number, RowContent[]>> {
    const deliveries = new Map<number, RowContent[]>();
    for (const slice of slicesOf(range)) {
      const rows = await queryFresh(
        this.bigquery,
        `SELECT CAST(JSON_VALUE(attributes, '$.kafka_offset') AS INT64) AS kafka_offset, ${columnList('orders')}
         FROM ${this.dataset}.streaming_orders
         WHERE JSON_VALUE(attributes, '$.kafka_topic') = @topic
           AND CAST(JSON_VALUE(attributes, '$.kafka_partition') AS INT64) = @partition
           AND CAST(JSON_VALUE(attributes, '$.kafka_offset') AS INT64) >= @from
           AND CAST(JSON_VALUE(attributes, '$.kafka_offset') AS INT64) < @until`,
        { ...slice },
        QUERY_OPTIONS,
      );
      for (const row of rows) {
        const offset = integer(row, 'kafka_offset');
        const contents = deliveries.get(offset);
        const content = contentOfRow('orders', row);
        if (contents === undefined) deliveries.set(offset, [content]);
        else contents.push(content);
      }
    }
    return deliveries;
  }

  /** How many records of these ranges of one topic are in `streaming_orders`. */
  async delivered(ranges: readonly RecordRange[]): Promise<number> {
    const wanted = ranges.filter(({ from, until }) => from < until);
    const [first] = wanted;
    if (first === undefined) return 0;
    const inRanges = wanted
      .map(
        ({ partition, from, until }) =>
          `(part = ${String(partition)} AND kafka_offset >= ${String(from)} AND kafka_offset < ${String(until)})`,
      )
      .join(' OR ');
    const [row] = await queryFresh(
      this.bigquery,
      `SELECT COUNT(*) AS delivered FROM (
         SELECT DISTINCT CAST(JSON_VALUE(attributes, '$.kafka_partition') AS INT64) AS part,
           CAST(JSON_VALUE(attributes, '$.kafka_offset') AS INT64) AS kafka_offset
         FROM ${this.dataset}.streaming_orders WHERE JSON_VALUE(attributes, '$.kafka_topic') = @topic
       ) WHERE ${inRanges}`,
      { topic: first.topic },
      QUERY_OPTIONS,
    );
    return row === undefined ? 0 : integer(row, 'delivered');
  }

  /** Number of rows by table. */
  async counts(tables: readonly string[]): Promise<Record<string, number>> {
    const selects = tables.map(
      (table) => `SELECT '${table}' AS name, COUNT(*) AS amount FROM ${this.dataset}.${table}`,
    );
    const rows = await queryFresh(this.bigquery, selects.join(' UNION ALL '));
    return Object.fromEntries(rows.map((row) => [String(row.name), integer(row, 'amount')]));
  }
}

/** Bounds the rows of one answer, which has all columns. */
function* slicesOf(range: RecordRange): Generator<RecordRange> {
  for (let from = range.from; from < range.until; from += MAX_OFFSETS) {
    yield { ...range, from, until: Math.min(from + MAX_OFFSETS, range.until) };
  }
}

const columnList = (family: Family): string =>
  eventColumns(family)
    .map(({ name }) => name)
    .join(', ');

function integer(row: QueryRow, column: string): number {
  const value = Number(row[column]);
  if (!Number.isSafeInteger(value)) throw new TypeError(`${column} is not an integer: ${String(row[column])}`);
  return value;
}
