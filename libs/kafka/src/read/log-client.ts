import { type Kafka } from 'kafkajs';
import { createErrorOf } from './protocol-errors';
import {
  type Cluster,
  createCluster,
  type Isolation,
  loadFromKafkajs,
  type ProtocolRequest,
} from '../client/kafkajs-internals';
import { type AbortedRange, decodeLog } from '../codec/record-batch-decoder';
import { type KafkaRecord, type PartitionRef } from '../record';

export interface Wanted extends PartitionRef {
  readonly offset: number;
}

export type Fetched = Wanted & { readonly ok: true } & FetchedLog;
export type FetchFailed = Wanted & { readonly ok: false; readonly code: number; readonly error: Error };

export interface FetchedLog {
  readonly records: readonly KafkaRecord[];
  readonly nextOffset: number;
  /** End of the partition as this isolation sees it. */
  readonly end: number;
  /** Bytes of the answer that hold this partition's records. */
  readonly bytes: number;
}

export interface FetchBounds {
  /** How long the broker may wait for the first byte. */
  readonly maxWaitMs: number;
  /** A first record batch that is larger comes whole nevertheless. */
  readonly maxPartitionBytes: number;
  readonly maxBytes: number;
}

interface RawPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedRange[];
  readonly log: Buffer;
}

interface RawAnswer {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly RawPartition[] }[];
}

type FetchRequestModule = (request: {
  replicaId: number;
  maxWaitTime: number;
  minBytes: number;
  maxBytes: number;
  isolationLevel: number;
  topics: readonly {
    topic: string;
    partitions: readonly { partition: number; fetchOffset: string; maxBytes: number }[];
  }[];
}) => ProtocolRequest['request'];

/**
 * Reads logs without a group: leaders, ends, fetches (Fetch v11). Every partition of an answer has its own result; one
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

  /** Connects if it is not, and loads the topics' metadata. */
  async connect(topics: readonly string[]): Promise<void> {
    await this.cluster.connect();
    await this.cluster.addMultipleTargetTopics(topics);
  }

  disconnect(): Promise<void> {
    return this.cluster.disconnect();
  }

  /** After a failure: connect again if need be and learn the leaders anew. */
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
  leaderOf({ topic, partition }: PartitionRef): number | undefined {
    const leader = this.cluster
      .findTopicPartitionMetadata(topic)
      .find(({ partitionId }) => partitionId === partition)?.leader;
    return leader === undefined || leader < 0 ? undefined : leader;
  }

  /** First offset that the log still has, or the end as this isolation sees it. */
  async edges(topic: string, edge: 'beginning' | 'end', partitions: readonly number[]): Promise<Map<number, number>> {
    const [answer] = await this.cluster.fetchTopicsOffset([
      { topic, partitions: partitions.map((partition) => ({ partition })), fromBeginning: edge === 'beginning' },
    ]);
    const offsets = new Map((answer?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset)]));
    const absent = partitions.filter((partition) => !offsets.has(partition));
    if (absent.length > 0) throw new Error(`no leader told the ${edge} of ${topic}/${absent.join(',')}`);
    return offsets;
  }

  /** One fetch from one leader. Rejects when the request as a whole failed. */
  async fetch(leader: number, wanted: readonly Wanted[], bounds: FetchBounds): Promise<(Fetched | FetchFailed)[]> {
    await this.cluster.refreshMetadataIfNecessary();
    const broker = await this.cluster.findBroker({ nodeId: leader });
    const createRequest = loadFromKafkajs('kafkajs/src/protocol/requests/fetch/v11/request.js') as FetchRequestModule;
    const request: ProtocolRequest = {
      request: createRequest({
        replicaId: -1,
        maxWaitTime: bounds.maxWaitMs,
        minBytes: 1,
        maxBytes: bounds.maxBytes,
        isolationLevel: this.isolation === 'committed' ? 1 : 0,
        topics: byTopic(wanted, bounds.maxPartitionBytes),
      }),
      response: { decode: (payload) => Promise.resolve(readAnswer(payload)), parse: (data) => Promise.resolve(data) },
      requestTimeout: bounds.maxWaitMs + 10_000,
    };
    let answer: RawAnswer;
    try {
      answer = (await broker.connectionPool.send(request)) as RawAnswer;
    } catch (error) {
      if (error instanceof Error && error.name === 'KafkaJSConnectionClosedError') await broker.disconnect();
      throw error;
    }
    if (answer.errorCode !== 0) throw createErrorOf(answer.errorCode);
    return this.results(answer, wanted);
  }

  private results(answer: RawAnswer, wanted: readonly Wanted[]): (Fetched | FetchFailed)[] {
    const raw = new Map<string, RawPartition>();
    for (const { topic, partitions } of answer.topics) {
      for (const one of partitions) raw.set(`${topic}/${one.partition.toString()}`, one);
    }
    return wanted.flatMap((want): (Fetched | FetchFailed)[] => {
      const found = raw.get(`${want.topic}/${want.partition.toString()}`);
      if (found === undefined) return [];
      if (found.errorCode !== 0) {
        return [{ ...want, ok: false, code: found.errorCode, error: createErrorOf(found.errorCode) }];
      }
      const committed = this.isolation === 'committed';
      const end = committed ? found.lastStableOffset : found.highWatermark;
      try {
        const { records, nextOffset } = decodeLog(found.log, want, want.offset, committed ? found.aborted : []);
        return [{ ...want, ok: true, records, nextOffset, end, bytes: found.log.length }];
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return [{ ...want, ok: false, code: UNREADABLE, error }];
      }
    });
  }
}

/** In place of a broker's code: the bytes could not be decoded. */
export const UNREADABLE = 1_000;

/** Not from Node's pool: there a few bytes would keep 64 kB of others'. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}

function byTopic(
  wanted: readonly Wanted[],
  maxBytes: number,
): { topic: string; partitions: { partition: number; fetchOffset: string; maxBytes: number }[] }[] {
  const topics: ReturnType<typeof byTopic> = [];
  for (const { topic, partition, offset } of wanted) {
    const entry = { partition, fetchOffset: offset.toString(), maxBytes };
    const last = topics.at(-1);
    if (last?.topic === topic) last.partitions.push(entry);
    else topics.push({ topic, partitions: [entry] });
  }
  return topics;
}

/** Fetch response v11 (Kafka protocol guide). */
function readAnswer(payload: Buffer): RawAnswer {
  let at = 0;
  const int16 = (): number => payload.readInt16BE((at += 2) - 2);
  const int32 = (): number => payload.readInt32BE((at += 4) - 4);
  const int64 = (): bigint => payload.readBigInt64BE((at += 8) - 8);
  const list = <T>(item: () => T): T[] => Array.from({ length: Math.max(int32(), 0) }, item);
  const text = (): string => {
    const length = int16();
    return payload.toString('utf8', at, (at += length));
  };
  const clientSideThrottleTime = int32();
  const errorCode = int16();
  int32(); // session
  const topics = list(() => ({
    topic: text(),
    partitions: list((): RawPartition => {
      const partition = int32();
      const code = int16();
      const highWatermark = Number(int64());
      const lastStableOffset = Number(int64());
      int64(); // log start
      const aborted = list(() => ({ producerId: int64(), firstOffset: Number(int64()) }));
      int32(); // preferred read replica: the leader is read
      const length = Math.max(int32(), 0);
      const view = payload.subarray(at, (at += length));
      // Records are views into their log. One of a small part would keep the whole answer in memory while it waits.
      const log = length < payload.length / 2 ? copyOf(view) : view;
      return { partition, errorCode: code, highWatermark, lastStableOffset, aborted, log };
    }),
  }));
  return { clientSideThrottleTime, errorCode, topics };
}
