import { compactCount, compactString, encoderOf, FlexibleReader, NO_TAGS } from '../client/flexible-encoding';
import { type ProtocolRequest } from '../client/kafkajs-internals';

export interface MetadataResponse {
  readonly clientSideThrottleTime: number;
  readonly clusterId: string | null;
  readonly topics: readonly {
    readonly name: string;
    readonly errorCode: number;
    /** Undefined where the broker has none. */
    readonly id: string | undefined;
    readonly partitions: number;
  }[];
}

export const METADATA_API_KEY = 3;
/** The first version with topic ids, which brokers have since 2.8. kafkajs implements versions up to 6. */
export const METADATA_VERSION = 10;
/** Stands for "no id". */
const ZERO_UUID = Buffer.alloc(16).toString('base64url');

/** Metadata, version 10, of these topics. Sent to any broker, it returns a MetadataResponse. */
export function metadataV10(topics: readonly string[]): ProtocolRequest {
  return {
    request: {
      apiKey: METADATA_API_KEY,
      apiVersion: METADATA_VERSION,
      encode: () => Promise.resolve(encoderOf(encodeRequest(topics))),
    },
    response: {
      decode: (payload) => Promise.resolve(decodeResponse(payload)),
      parse: (response) => Promise.resolve(response),
    },
  };
}

/** Metadata request, version 10 (Kafka protocol guide). */
function encodeRequest(topics: readonly string[]): Buffer {
  const byName = topics.map((topic) => Buffer.concat([Buffer.alloc(16), compactString(topic), NO_TAGS]));
  // No auto-creation, no lists of authorized operations.
  const flags = Buffer.of(0, 0, 0);
  // The first NO_TAGS ends the request header, version 2.
  return Buffer.concat([NO_TAGS, compactCount(topics.length), ...byName, flags, NO_TAGS]);
}

/** Metadata response, version 10, after the correlation id of its header. */
function decodeResponse(payload: Buffer): MetadataResponse {
  const reader = new FlexibleReader(payload);
  reader.skipTags();
  const clientSideThrottleTime = reader.int32();
  reader.list(() => {
    reader.int32(); // broker id
    reader.text();
    reader.int32();
    reader.text();
    reader.skipTags();
  });
  const clusterId = reader.text();
  reader.int32(); // controller
  const topics = reader.list(() => {
    const errorCode = reader.int16();
    const name = reader.text() ?? '';
    const id = reader.uuid();
    reader.boolean();
    const { length: partitions } = reader.list(() => {
      skipPartition(reader);
    });
    reader.int32(); // authorized operations
    reader.skipTags();
    return { errorCode, name, id: id === ZERO_UUID ? undefined : id, partitions };
  });
  return { clientSideThrottleTime, clusterId, topics };
}

function skipPartition(reader: FlexibleReader): void {
  reader.int16();
  for (let fields = 0; fields < 3; fields++) reader.int32(); // index, leader, leader epoch
  for (let lists = 0; lists < 3; lists++) reader.list(() => reader.int32()); // replicas, in sync, offline
  reader.skipTags();
}
