import type { BigQuery } from '@google-cloud/bigquery';
import { createBigQuery, createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { validatedTopic } from '@orderstream/contracts';
import {
  connectAdmin,
  fetchCommittedOffsets,
  fetchLogBounds,
  partitionName,
  PartitionTransactions,
  type PartitionTransactionsOptions,
  type TopicPartition,
} from '@orderstream/kafka';
import type { Admin, Kafka } from 'kafkajs';

import type { BqSinkSettings } from './bq-sink.config';
import { LetterMapper } from './dead-letters/letter-mapper';
import { MAX_REQUEST_BYTES, type SinkSource, sourceOf } from './sink-topics';
import { BigQueryWarehouse } from './streams/bigquery-warehouse';
import type { LogBounds } from './streams/recovery';
import { RowMapper } from './streams/row-mapper';
import type { TableRows } from './streams/warehouse';

/** The clients that all partitions share, and what one partition does with them. The constructor opens no connection. */
export class SinkClients {
  readonly bigquery: BigQuery;
  private readonly streams: WriteStreams;
  private admin: Admin | undefined;
  /** Calls for a whole topic that its partitions make at the same time, by topic. */
  private readonly shared = new Map<string, Promise<TopicOffsets>>();

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

  /**
   * The end of a partition's log if nothing is left to read: the group has committed the end, or the log never had a record.
   * The previous owner may still run, and may commit the same offset.
   */
  async endOfRead({ topic, partition }: TopicPartition): Promise<number | undefined> {
    let reading = this.shared.get(topic);
    if (reading === undefined) {
      reading = this.offsetsOf(topic).finally(() => this.shared.delete(topic));
      this.shared.set(topic, reading);
    }
    const { committed, ends } = await reading;
    const end = ends[partition];
    return end !== undefined && (committed[partition] ?? 0) === end ? end : undefined;
  }

  private async offsetsOf(topic: string): Promise<TopicOffsets> {
    const client = this.admin ?? this.kafka;
    const [committed, { ends }] = await Promise.all([
      fetchCommittedOffsets(client, sourceOf(topic).groupId, topic),
      fetchLogBounds(client, topic),
    ]);
    return { committed, ends };
  }

  warehouseOf(partition: TopicPartition, mapper = mapperOf(sourceOf(partition.topic))): BigQueryWarehouse {
    const { bigquery, sink } = this.settings;
    const source = sourceOf(partition.topic);
    return new BigQueryWarehouse({
      bigquery: this.bigquery,
      streams: this.streams,
      table: { project: bigquery.project, dataset: bigquery.dataset, table: source.table.table },
      rows: rowsOf(source, partition),
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
      groupId: sourceOf(partition.topic).groupId,
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

interface TopicOffsets {
  readonly committed: readonly (number | undefined)[];
  readonly ends: readonly number[];
}

/** Encodes the records of a source. */
export function mapperOf(source: SinkSource): RowMapper | LetterMapper {
  return source.kind === 'dead-letters' ? new LetterMapper(source.app) : new RowMapper(source.family, source.kind);
}

/** Where the table has the rows of a partition. */
function rowsOf(source: SinkSource, { topic, partition }: TopicPartition): TableRows {
  const { partitionField } = source.table;
  switch (source.kind) {
    case 'validated':
      return { kind: 'own', topic, partition, partitionField };
    case 'retry':
      return { kind: 'retried', topic: validatedTopic(source.family), partition, partitionField };
    case 'dead-letters':
      return { kind: 'letters', topic, partition, partitionField };
  }
}
