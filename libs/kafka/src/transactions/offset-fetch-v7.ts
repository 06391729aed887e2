import { compactCount, compactString, encoderOf, FlexibleReader, NO_TAGS } from '../client/flexible-encoding';
import { type ProtocolRequest } from '../client/kafkajs-internals';
import { type TopicPartition } from '../topic-partition';

export interface OffsetFetchResponse {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  /** -1: the group has no committed offset of the partition. */
  readonly offset: number;
  readonly metadata: string | null;
}

const API_KEY = 9;
/** The first version with `require_stable`, which brokers have since 2.5. kafkajs implements versions up to 4. */
const VERSION = 7;

/**
 * OffsetFetch, version 7, with `require_stable`, for one partition. Sent to the coordinator of the group, it returns an
 * OffsetFetchResponse.
 */
export function offsetFetchV7(groupId: string, partition: TopicPartition): ProtocolRequest {
  return {
    request: {
      apiKey: API_KEY,
      apiVersion: VERSION,
      encode: () => Promise.resolve(encoderOf(encodeRequest(groupId, partition))),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (response) => Promise.resolve(response),
    },
  };
}

/** OffsetFetch request, version 7 (Kafka protocol guide). */
function encodeRequest(groupId: string, { topic, partition }: TopicPartition): Buffer {
  const ONE = compactCount(1);
  const index = Buffer.alloc(4);
  index.writeInt32BE(partition);
  const topics = Buffer.concat([ONE, compactString(topic), ONE, index, NO_TAGS]);
  const requireStable = Buffer.of(1);
  // The first NO_TAGS ends the request header, version 2. kafkajs writes version 1, which has no tagged fields.
  return Buffer.concat([NO_TAGS, compactString(groupId), topics, requireStable, NO_TAGS]);
}

/** OffsetFetch response, version 7, after the correlation id of its header. */
function decodeResponse(payload: Buffer): OffsetFetchResponse {
  const reader = new FlexibleReader(payload);
  reader.skipTags();
  const clientSideThrottleTime = reader.int32();
  const topics = reader.list(() => {
    reader.text();
    const partitions = reader.list(() => {
      reader.int32();
      const offset = reader.int64();
      reader.int32(); // leader epoch
      const committed = { offset, metadata: reader.text(), errorCode: reader.int16() };
      reader.skipTags();
      return committed;
    });
    reader.skipTags();
    return partitions;
  });
  const errorCode = reader.int16();
  const committed = topics.flat().at(-1) ?? { offset: -1, metadata: null, errorCode: 0 };
  return { clientSideThrottleTime, ...committed, errorCode: errorCode === 0 ? committed.errorCode : errorCode };
}
