import { loadFromKafkajs, type ProtocolRequest } from '../client/kafkajs-internals';
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

interface Encoder {
  writeBuffer(bytes: Buffer): Encoder;
}

function encoderOf(bytes: Buffer): Encoder {
  const KafkajsEncoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => Encoder;
  return new KafkajsEncoder().writeBuffer(bytes);
}

/** OffsetFetch request, version 7 (Kafka protocol guide). Each structure ends with its number of tagged fields: 0. */
function encodeRequest(groupId: string, { topic, partition }: TopicPartition): Buffer {
  const NO_TAGS = Buffer.of(0);
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
  let at = 0;
  const unsigned = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = payload.readUInt8(at++);
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  const int16 = (): number => payload.readInt16BE((at += 2) - 2);
  const int32 = (): number => payload.readInt32BE((at += 4) - 4);
  const int64 = (): number => Number(payload.readBigInt64BE((at += 8) - 8));
  const text = (): string | null => {
    const length = unsigned() - 1;
    return length < 0 ? null : payload.toString('utf8', at, (at += length));
  };
  const skipTags = (): void => {
    for (let left = unsigned(); left > 0; left--) {
      unsigned();
      at += unsigned();
    }
  };
  skipTags();
  const clientSideThrottleTime = int32();
  let committed: { offset: number; metadata: string | null; errorCode: number } | undefined;
  for (let topics = unsigned() - 1; topics > 0; topics--) {
    text();
    for (let partitions = unsigned() - 1; partitions > 0; partitions--) {
      int32();
      const offset = int64();
      int32(); // leader epoch
      committed = { offset, metadata: text(), errorCode: int16() };
      skipTags();
    }
    skipTags();
  }
  const errorCode = int16();
  const { offset, metadata, errorCode: partitionCode } = committed ?? { offset: -1, metadata: null, errorCode: 0 };
  return { clientSideThrottleTime, errorCode: errorCode === 0 ? partitionCode : errorCode, offset, metadata };
}

/** The count plus 1, as an unsigned varint: 0 stands for null. */
function compactCount(count: number): Buffer {
  const bytes: number[] = [];
  let left = count + 1;
  for (; left >= 0x80; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.of(...bytes, left);
}

function compactString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([compactCount(bytes.length), bytes]);
}
