import type { BigQuery } from '@google-cloud/bigquery';
import { type Finalized, queryFresh, type TableRef, type WriteStreams } from '@orderstream/bigquery';
import type { TopicPartition } from '@orderstream/kafka';

import type { RowMapper } from './row-mapper';
import type { Appender, Warehouse } from './warehouse';

/**
 * Every row that can have been appended. BigQuery takes no appended row into a partition more than 1,825 days in the past or
 * 366 days in the future. A table with `require_partition_filter` needs the predicate.
 */
const STREAMED_ROWS = `occurred_at BETWEEN TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL 1826 DAY)
       AND TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 367 DAY)`;
/** What the query shows in the project's job list and bill. */
const QUERY_LABELS = { app: 'bq-sink', purpose: 'recovery' } as const;

export interface BigQueryWarehouseOptions {
  readonly bigquery: BigQuery;
  readonly streams: WriteStreams;
  readonly table: TableRef;
  readonly partition: TopicPartition;
  readonly mapper: RowMapper;
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

  /** Without replayed rows: they have their original coordinates and do not show how far this partition has written. */
  async lastOffset(from: number): Promise<number | undefined> {
    const { bigquery, table, partition } = this.options;
    const [row] = await queryFresh(
      bigquery,
      `SELECT MAX(_kafka_offset) AS last FROM \`${table.project}.${table.dataset}.${table.table}\`
       WHERE ${STREAMED_ROWS} AND _kafka_topic = @topic AND _kafka_partition = @partition AND _retry_partition IS NULL
       AND _kafka_offset >= @from`,
      { topic: partition.topic, partition: partition.partition, from },
      { labels: QUERY_LABELS },
    );
    const last = row?.last;
    return last === null || last === undefined ? undefined : Number(last);
  }
}
