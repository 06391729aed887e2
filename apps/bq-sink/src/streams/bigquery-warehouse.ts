import type { BigQuery } from '@google-cloud/bigquery';
import { type Finalized, queryFresh, type TableRef, type WriteStreams } from '@orderstream/bigquery';

import type { Appender, TableRows, Warehouse } from './warehouse';

/**
 * Every row that can have been appended. BigQuery takes no appended row into a partition more than 1,825 days in the past or
 * 366 days in the future. A table with `require_partition_filter` needs the predicate.
 */
const streamedRows = (field: string): string =>
  `${field} BETWEEN TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1826 DAY)
       AND TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 367 DAY)`;

/** The columns that number the rows of a partition. */
const NUMBERED_BY = {
  letters: { partition: '_kafka_partition', offset: '_kafka_offset', only: '' },
  // Without replayed rows: they have their original coordinates and do not show how far this partition has written.
  own: { partition: '_kafka_partition', offset: '_kafka_offset', only: 'AND _retry_partition IS NULL ' },
  // Rows of a retry topic have offsets of the source log in _kafka_offset, in any order.
  retried: { partition: '_retry_partition', offset: '_retry_offset', only: '' },
} as const satisfies Record<TableRows['kind'], object>;
/** What the query shows in the project's job list and bill. */
const QUERY_LABELS = { app: 'bq-sink', purpose: 'recovery' } as const;

export interface BigQueryWarehouseOptions {
  readonly bigquery: BigQuery;
  readonly streams: WriteStreams;
  readonly table: TableRef;
  readonly rows: TableRows;
  readonly mapper: { readonly columns: readonly string[]; readonly schema: Buffer };
  readonly appendTimeoutMs: number;
  readonly maxInFlight: number;
}

/** The BigQuery calls of one partition. */
export class BigQueryWarehouse implements Warehouse {
  constructor(private readonly options: BigQueryWarehouseOptions) {}

  createStream(): Promise<string> {
    const { streams, table, mapper } = this.options;
    return streams.create(table, mapper.columns);
  }

  finalize(stream: string): Promise<Finalized> {
    return this.options.streams.finalize(stream);
  }

  connect(stream: string): Promise<Appender> {
    const { streams, mapper, appendTimeoutMs, maxInFlight } = this.options;
    return streams.connect({ stream, schema: mapper.schema, appendTimeoutMs, maxInFlight });
  }

  async lastOffset(from: number): Promise<number | undefined> {
    const { bigquery, table, rows } = this.options;
    const { partition, offset, only } = NUMBERED_BY[rows.kind];
    const [row] = await queryFresh(
      bigquery,
      `SELECT MAX(${offset}) AS last FROM \`${table.project}.${table.dataset}.${table.table}\`
       WHERE ${streamedRows(rows.partitionField)} AND _kafka_topic = @topic AND ${partition} = @partition ${only}AND ${offset} >= @from`,
      { topic: rows.topic, partition: rows.partition, from },
      { labels: QUERY_LABELS },
    );
    const last = row?.last;
    return last === null || last === undefined ? undefined : Number(last);
  }
}
