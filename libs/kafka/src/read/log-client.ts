import { type Kafka } from 'kafkajs';
import { type Cluster, createCluster, type Isolation } from '../client/kafkajs-internals';
import { decodeLargeBatch, decodeLog, MAX_DECODED_BYTES } from '../codec/record-batch-decoder';
import { type KafkaRecord } from '../record';
import { describeTopics, type TopicDescription } from '../topics/describe-topics';
import { partitionName, type TopicPartition } from '../topic-partition';
import { type FetchedPartition, type FetchRequest, type FetchResponse, fetchV11 } from './fetch-v11';
import { createErrorOf, OFFSET_OUT_OF_RANGE } from './protocol-errors';

/** A partition, and the offset to read it from. */
export interface Wanted extends TopicPartition {
  readonly offset: number;
}

export type Fetched = Wanted & { readonly ok: true } & FetchedLog;
export type FetchFailed = Wanted & { readonly ok: false; readonly code: number; readonly error: Error };

export interface FetchedLog extends LogEnds {
  readonly records: readonly KafkaRecord[];
  readonly nextOffset: number;
  /** Estimated memory of the records. */
  readonly memoryBytes: number;
}

/** The ends of the log of a partition. */
export interface LogEnds {
  /** Offset of the first record of the oldest open transaction, or the high watermark. Committed records end here. */
  readonly lastStableOffset: number;
  /** Offset after the last record, open transactions included. */
  readonly highWatermark: number;
}

export type FetchBounds = Pick<FetchRequest, 'maxWaitMs' | 'minBytes' | 'maxPartitionBytes' | 'maxBytes'>;

/**
 * Bound of the memory that the records of one response take. Reached only by compressed batches: a partition that comes
 * after it gets no result, and is the first one of a later fetch.
 */
const MAX_RESPONSE_MEMORY_BYTES = 3 * MAX_DECODED_BYTES;

/** Timestamps of ListOffsets that stand for an edge of the log. */
const EARLIEST = '-2';
const LATEST = '-1';

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

  /** Ids and partition counts of topics. One that does not exist has no entry. */
  async describeTopics(topics: readonly string[]): Promise<ReadonlyMap<string, TopicDescription>> {
    return describeTopics(this.cluster, topics);
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

  /**
   * The first offset that the log holds, or its end offset (the last stable offset, or the high watermark when uncommitted
   * records are read), by partition.
   */
  async edges(topic: string, edge: 'beginning' | 'end', partitions: readonly number[]): Promise<Map<number, number>> {
    const offsets = await this.listOffsets(topic, edge === 'beginning' ? EARLIEST : LATEST, partitions, this.isolation);
    const absent = partitions.filter((partition) => !offsets.has(partition));
    if (absent.length > 0) throw new Error(`No leader returned the ${edge} of ${topic}/${absent.join(',')}`);
    return offsets;
  }

  /** Both ends of each partition that has a leader. */
  async ends(topic: string, partitions: readonly number[]): Promise<Map<number, LogEnds>> {
    const [stable, high] = await Promise.all([
      this.listOffsets(topic, LATEST, partitions, 'committed'),
      this.listOffsets(topic, LATEST, partitions, 'uncommitted'),
    ]);
    const ends = new Map<number, LogEnds>();
    for (const [partition, lastStableOffset] of stable) {
      // The answers come one after the other, so a new record can be in one of them only.
      const highWatermark = Math.max(high.get(partition) ?? 0, lastStableOffset);
      ends.set(partition, { lastStableOffset, highWatermark });
    }
    return ends;
  }

  /** From the leaders of the partitions. A partition without a leader has no entry. */
  private async listOffsets(
    topic: string,
    timestamp: string,
    partitions: readonly number[],
    isolation: Isolation,
  ): Promise<Map<number, number>> {
    const byLeader = new Map<number, { partition: number; timestamp: string }[]>();
    for (const partition of partitions) {
      const leader = this.leaderOf({ topic, partition });
      if (leader === undefined) continue;
      const wanted = byLeader.get(leader) ?? [];
      wanted.push({ partition, timestamp });
      byLeader.set(leader, wanted);
    }
    const offsets = new Map<number, number>();
    await Promise.all(
      Array.from(byLeader, async ([nodeId, wanted]) => {
        const broker = await this.cluster.findBroker({ nodeId });
        const isolationLevel = isolation === 'committed' ? 1 : 0;
        const { responses } = await broker.listOffsets({ isolationLevel, topics: [{ topic, partitions: wanted }] });
        for (const { partition, offset } of responses.flatMap((response) => response.partitions)) {
          offsets.set(partition, Number(offset));
        }
      }),
    );
    return offsets;
  }

  /** One fetch from one leader. Rejects when the request as a whole fails. */
  async fetch(leader: number, wanted: readonly Wanted[], bounds: FetchBounds): Promise<(Fetched | FetchFailed)[]> {
    return this.resultsOf(await this.request(leader, wanted, bounds), wanted);
  }

  /** One fetch of one partition, not decoded. */
  async fetchLog(leader: number, want: Wanted, bounds: FetchBounds): Promise<FetchedPartition> {
    const fetched = (await this.request(leader, [want], bounds)).topics[0]?.partitions[0];
    if (fetched === undefined) throw new Error(`the response of the broker does not contain ${partitionName(want)}`);
    if (fetched.errorCode !== 0 && fetched.errorCode !== OFFSET_OUT_OF_RANGE) throw createErrorOf(fetched.errorCode);
    return fetched;
  }

  private async request(leader: number, wanted: readonly Wanted[], bounds: FetchBounds): Promise<FetchResponse> {
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
    return response;
  }

  private async resultsOf(response: FetchResponse, wanted: readonly Wanted[]): Promise<(Fetched | FetchFailed)[]> {
    const byName = new Map<string, FetchedPartition>();
    for (const { topic, partitions } of response.topics) {
      for (const fetched of partitions) byName.set(partitionName({ topic, partition: fetched.partition }), fetched);
    }
    const results: (Fetched | FetchFailed)[] = [];
    let leftBytes = MAX_RESPONSE_MEMORY_BYTES;
    for (const want of wanted) {
      const fetched = byName.get(partitionName(want));
      if (fetched === undefined || leftBytes <= 0) continue;
      const result = await this.resultOf(want, fetched);
      if (result.ok) leftBytes -= result.memoryBytes;
      results.push(result);
    }
    return results;
  }

  private async resultOf(want: Wanted, fetched: FetchedPartition): Promise<Fetched | FetchFailed> {
    const { errorCode, log, aborted, lastStableOffset, highWatermark } = fetched;
    if (errorCode !== 0) return { ...want, ok: false, code: errorCode, error: createErrorOf(errorCode) };
    const isCommitted = this.isolation === 'committed';
    try {
      const { large, ...decoded } = decodeLog(log, want, want.offset, isCommitted ? aborted : []);
      const piece = large !== undefined && decoded.records.length === 0 ? await decodeLargeBatch(large, want) : decoded;
      return { ...want, ok: true, ...piece, lastStableOffset, highWatermark };
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return { ...want, ok: false, code: UNREADABLE, error };
    }
  }
}
