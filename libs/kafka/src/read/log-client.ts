import { type Kafka } from 'kafkajs';
import { type Cluster, createCluster, type Isolation } from '../client/kafkajs-internals';
import { decodeLog } from '../codec/record-batch-decoder';
import { type KafkaRecord } from '../record';
import { partitionName, type TopicPartition } from '../topic-partition';
import { type FetchedPartition, type FetchRequest, type FetchResponse, fetchV11 } from './fetch-v11';
import { createErrorOf } from './protocol-errors';

/** A partition, and the offset to read it from. */
export interface Wanted extends TopicPartition {
  readonly offset: number;
}

export type Fetched = Wanted & { readonly ok: true } & FetchedLog;
export type FetchFailed = Wanted & { readonly ok: false; readonly code: number; readonly error: Error };

export interface FetchedLog {
  readonly records: readonly KafkaRecord[];
  readonly nextOffset: number;
  /** End offset of the partition: the last stable offset, or the high watermark when uncommitted records are read. */
  readonly end: number;
}

export type FetchBounds = Pick<FetchRequest, 'maxWaitMs' | 'maxPartitionBytes' | 'maxBytes'>;

/** In place of an error code of the broker: the log could not be decoded. */
export const UNREADABLE = 1_000;

/**
 * Reads logs without a consumer group: leaders, end offsets, fetches. Each partition of a response has its own result: one
 * that failed does not hide the others.
 */
export class LogClient {
  private readonly cluster: Cluster;

  constructor(
    kafka: Kafka,
    private readonly isolation: Isolation,
  ) {
    this.cluster = createCluster(kafka, isolation);
  }

  /** Connects unless connected, and loads the metadata of the topics. */
  async connect(topics: readonly string[]): Promise<void> {
    await this.cluster.connect();
    await this.cluster.addMultipleTargetTopics(topics);
  }

  disconnect(): Promise<void> {
    return this.cluster.disconnect();
  }

  /** For use after a failure: connects unless connected, and refreshes the metadata. */
  async refresh(): Promise<void> {
    if (!this.cluster.isConnected()) await this.cluster.connect();
    await this.cluster.refreshMetadata();
  }

  partitions(topic: string): number[] {
    return this.cluster
      .findTopicPartitionMetadata(topic)
      .map(({ partitionId }) => partitionId)
      .sort((a, b) => a - b);
  }

  /** Node id of the leader; undefined while there is none. */
  leaderOf({ topic, partition }: TopicPartition): number | undefined {
    const leader = this.cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition)?.leader;
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** The first offset that the log holds, or its end offset (see FetchedLog), by partition. */
  async edges(topic: string, edge: 'beginning' | 'end', partitions: readonly number[]): Promise<Map<number, number>> {
    const [answer] = await this.cluster.fetchTopicsOffset([
      { topic, partitions: partitions.map((partition) => ({ partition })), fromBeginning: edge === 'beginning' },
    ]);
    const offsets = new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
    const absent = partitions.filter((partition) => !offsets.has(partition));
    if (absent.length > 0) throw new Error(`No leader returned the ${edge} of ${topic}/${absent.join(',')}`);
    return offsets;
  }

  /** One fetch from one leader. Rejects when the request as a whole fails. */
  async fetch(leader: number, wanted: readonly Wanted[], bounds: FetchBounds): Promise<(Fetched | FetchFailed)[]> {
    await this.cluster.refreshMetadataIfNecessary();
    const broker = await this.cluster.findBroker({ nodeId: leader });
    const request = fetchV11({ ...bounds, isolation: this.isolation, partitions: wanted });
    let response: FetchResponse;
    try {
      response = (await broker.connectionPool.send(request)) as FetchResponse;
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSConnectionClosedError') await broker.disconnect();
      throw error;
    }
    if (response.errorCode !== 0) throw createErrorOf(response.errorCode);
    return this.resultsOf(response, wanted);
  }

  private resultsOf(response: FetchResponse, wanted: readonly Wanted[]): (Fetched | FetchFailed)[] {
    const byName = new Map<string, FetchedPartition>();
    for (const { topic, partitions } of response.topics) {
      for (const fetched of partitions) byName.set(partitionName({ topic, partition: fetched.partition }), fetched);
    }
    return wanted.flatMap((want): (Fetched | FetchFailed)[] => {
      const fetched = byName.get(partitionName(want));
      return fetched === undefined ? [] : [this.resultOf(want, fetched)];
    });
  }

  private resultOf(want: Wanted, fetched: FetchedPartition): Fetched | FetchFailed {
    const { errorCode, log, aborted, lastStableOffset, highWatermark } = fetched;
    if (errorCode !== 0) return { ...want, ok: false, code: errorCode, error: createErrorOf(errorCode) };
    const isCommitted = this.isolation === 'committed';
    try {
      const { records, nextOffset } = decodeLog(log, want, want.offset, isCommitted ? aborted : []);
      return { ...want, ok: true, records, nextOffset, end: isCommitted ? lastStableOffset : highWatermark };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { ...want, ok: false, code: UNREADABLE, error };
    }
  }
}
