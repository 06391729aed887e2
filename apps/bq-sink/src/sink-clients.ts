import type { BigQuery } from '@google-cloud/bigquery';
import { createBigQuery, createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { tableForFamily } from '@orderstream/contracts';
import {
  connectAdmin,
  fetchLogBounds,
  partitionName,
  PartitionTransactions,
  type PartitionTransactionsOptions,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Admin, Kafka } from 'kafkajs';

import type { BqSinkSettings } from './bq-sink.config';
import { familyOfTopic, GROUP_ID, MAX_REQUEST_BYTES } from './sink-topics';
import { BigQueryWarehouse } from './streams/bigquery-warehouse';
import type { LogBounds } from './streams/recovery';
import { RowMapper } from './streams/row-mapper';

/** The clients that all partitions share, and what one partition does with them. The constructor opens no connection. */
export class SinkClients {
  readonly bigquery: BigQuery;
  private readonly streams: WriteStreams;
  private admin: Admin | undefined;

  constructor(
    private readonly settings: Pick<BqSinkSettings, 'bigquery' | 'sink'>,
    readonly kafka: Kafka,
  ) {
    this.bigquery = createBigQuery(settings.bigquery);
    this.streams = new WriteStreams(createWriteClient(settings.bigquery));
  }

  /** Keeps one connection for all calls of `logBounds`. */
  async connectAdmin(): Promise<void> {
    this.admin = await connectAdmin(this.kafka);
  }

  async logBounds(ref: TopicPartition): Promise<LogBounds> {
    const { beginnings, ends } = await fetchLogBounds(this.admin ?? this.kafka, ref.topic);
    const [start, end] = [beginnings[ref.partition], ends[ref.partition]];
    if (start === undefined || end === undefined) {
      throw new Error(`the broker returned no offsets for ${partitionName(ref)}`);
    }
    return { start, end };
  }

  warehouseOf(partition: TopicPartition, mapper = new RowMapper(familyOfTopic(partition.topic))): BigQueryWarehouse {
    const { bigquery, sink } = this.settings;
    const { table } = tableForFamily(familyOfTopic(partition.topic));
    return new BigQueryWarehouse({
      bigquery: this.bigquery,
      streams: this.streams,
      table: { project: bigquery.project, dataset: bigquery.dataset, table },
      partition,
      mapper,
      appendTimeoutMs: sink.appendTimeoutMs,
      maxInFlight: sink.maxInFlight,
    });
  }

  openTransactions(
    partition: TopicPartition,
    options: Pick<PartitionTransactionsOptions, 'onFailure'> = {},
  ): Promise<PartitionTransactions> {
    return PartitionTransactions.open(this.kafka, {
      groupId: GROUP_ID,
      ...partition,
      transactionTimeoutMs: this.settings.sink.transactionTimeoutMs,
      maxRequestBytes: MAX_REQUEST_BYTES,
      ...options,
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.admin?.disconnect(), this.streams.close()]);
  }
}
