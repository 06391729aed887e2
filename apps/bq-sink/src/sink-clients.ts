import type { BigQuery } from '@google-cloud/bigquery';
import { createBigQuery, createWriteClient, WriteStreams } from '@orderstream/bigquery';
import { connectAdmin, createKafka, type KafkaLogger, partitionName, type TopicPartition } from '@orderstream/kafka';
import type { Admin, Kafka } from 'kafkajs';

import type { BqSinkSettings } from './bq-sink.config';
import type { LogBounds } from './streams/recovery';

/** The clients that all partitions of one instance share. The constructor opens no connection. */
export class SinkClients {
  readonly kafka: Kafka;
  readonly bigquery: BigQuery;
  readonly streams: WriteStreams;
  private admin: Admin | undefined;

  constructor(settings: Pick<BqSinkSettings, 'kafka' | 'bigquery'>, logger: KafkaLogger) {
    this.kafka = createKafka(settings.kafka, logger);
    this.bigquery = createBigQuery(settings.bigquery);
    this.streams = new WriteStreams(createWriteClient(settings.bigquery));
  }

  async connectAdmin(): Promise<void> {
    this.admin = await connectAdmin(this.kafka);
  }

  async logBounds(ref: TopicPartition): Promise<LogBounds> {
    const bounds = (await this.admin?.fetchTopicOffsets(ref.topic))?.find(
      ({ partition }) => partition === ref.partition,
    );
    if (bounds === undefined) throw new Error(`the broker returned no offsets for ${partitionName(ref)}`);
    return { start: Number(bounds.low), end: Number(bounds.offset) };
  }

  async close(): Promise<void> {
    await Promise.all([this.admin?.disconnect(), this.streams.close()]);
  }
}
