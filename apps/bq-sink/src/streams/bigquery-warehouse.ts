import type { BigQuery } from '@google-cloud/bigquery';
import { type Finalized, queryFresh, type TableRef, type WriteStreams } from '@orderstream/bigquery';
import type { TopicPartition } from '@orderstream/kafka';

import type { RowMapper } from './row-mapper';
import type { Appender, Warehouse } from './warehouse';

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

  /** Excludes replayed rows: they have their original coordinates and do not show how far this partition has written. */
  async lastOffset(from: number, excluded: readonly number[]): Promise<number | undefined> {
    const { bigquery, table, partition } = this.options;
    const notExcluded = excluded.length === 0 ? '' : ' AND _kafka_offset NOT IN UNNEST(@excluded)';
    const [row] = await queryFresh(
      bigquery,
      `SELECT MAX(_kafka_offset) AS last FROM \`${table.project}.${table.dataset}.${table.table}\`
       WHERE _kafka_topic = @topic AND _kafka_partition = @partition AND _retry_partition IS NULL
       AND _kafka_offset >= @from${notExcluded}`,
      { topic: partition.topic, partition: partition.partition, from, ...(excluded.length === 0 ? {} : { excluded }) },
    );
    const last = row?.last;
    return last === null || last === undefined ? undefined : Number(last);
  }
}
