import { type Isolation, loadFromKafkajs, type ProtocolRequest } from '../client/kafkajs-internals';
import { type AbortedTransaction } from '../codec/record-batch-decoder';
import { type TopicPartition } from '../topic-partition';

export interface FetchRequest {
  readonly isolation: Isolation;
  readonly partitions: readonly (TopicPartition & { readonly offset: number })[];
  /** How long the broker may wait for `minBytes`. */
  readonly maxWaitMs: number;
  /** Default 1. */
  readonly minBytes?: number;
  /** The broker exceeds both bounds for the first record batch: it returns that one whole. */
  readonly maxPartitionBytes: number;
  readonly maxBytes: number;
}

export interface FetchResponse {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly topics: readonly { readonly topic: string; readonly partitions: readonly FetchedPartition[] }[];
}

export interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly lastStableOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  readonly log: Buffer;
}

type CreateRequest = (request: {
  replicaId: number;
  maxWaitTime: number;
  minBytes: number;
  maxBytes: number;
  isolationLevel: number;
  topics: readonly RequestedTopic[];
}) => ProtocolRequest['request'];

interface RequestedTopic {
  readonly topic: string;
  readonly partitions: { partition: number; fetchOffset: string; maxBytes: number }[];
}

/** How long a response may take beyond the wait that the request allows the broker. */
const RESPONSE_TIMEOUT_MS = 10_000;

/** Fetch, version 11, to the leader of the partitions. Sent to a broker, it returns a FetchResponse. */
export function fetchV11(request: FetchRequest): ProtocolRequest {
  const createRequest = loadFromKafkajs('kafkajs/src/protocol/requests/fetch/v11/request.js') as CreateRequest;
  return {
    request: createRequest({
      replicaId: -1,
      maxWaitTime: request.maxWaitMs,
      minBytes: request.minBytes ?? 1,
      maxBytes: request.maxBytes,
      isolationLevel: request.isolation === 'committed' ? 1 : 0,
      topics: byTopic(request),
    }),
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (response) => Promise.resolve(response),
    },
    requestTimeout: request.maxWaitMs + RESPONSE_TIMEOUT_MS,
  };
}

function byTopic({ partitions, maxPartitionBytes }: FetchRequest): RequestedTopic[] {
  const topics: RequestedTopic[] = [];
  for (const { topic, partition, offset } of partitions) {
    const requested = { partition, fetchOffset: offset.toString(), maxBytes: maxPartitionBytes };
    const last = topics.at(-1);
    if (last?.topic === topic) last.partitions.push(requested);
    else topics.push({ topic, partitions: [requested] });
  }
  return topics;
}

/** Fetch response, version 11 (Kafka protocol guide). */
function decodeResponse(payload: Buffer): FetchResponse {
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
  int32(); // session id
  const topics = list(() => ({
    topic: text(),
    partitions: list((): FetchedPartition => {
      const partition = int32();
      const code = int16();
      const highWatermark = Number(int64());
      const lastStableOffset = Number(int64());
      int64(); // log start offset
      const aborted = list(() => ({ producerId: int64(), firstOffset: Number(int64()) }));
      int32(); // preferred read replica: this client reads from the leader
      const length = Math.max(int32(), 0);
      const view = payload.subarray(at, (at += length));
      // Records are views into their log: a small log would retain the whole response while its records are queued.
      const log = length < payload.length / 2 ? copyOf(view) : view;
      return { partition, errorCode: code, highWatermark, lastStableOffset, aborted, log };
    }),
  }));
  return { clientSideThrottleTime, errorCode, topics };
}

/** Not from Node's buffer pool, where a few bytes retain the 64 kB of the pool. */
function copyOf(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
