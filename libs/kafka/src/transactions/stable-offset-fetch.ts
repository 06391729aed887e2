import { type Broker, loadFromKafkajs, type ProtocolRequest } from '../client/kafkajs-internals';
import { type PartitionRef } from '../record';
import { createErrorOf } from '../read/protocol-errors';

/** What a group has committed of a partition; an offset of -1: nothing. */
export interface CommittedOffset {
  readonly offset: number;
  readonly metadata: string | null;
}

const OFFSET_FETCH = 9;
/** The first version that knows `require_stable`; brokers since 2.5 have it. */
const VERSION = 7;

/**
 * Asks for a committed offset, and is rejected (UNSTABLE_OFFSET_COMMIT) while a transaction that commits it is decided and
 * not carried out yet: brokers before Kafka 4.0 may let the next producer of the transactional id in before that, and
 * would tell the offset from before it (KIP-447). kafkajs knows OffsetFetch up to version 4.
 *
 * @throws the broker's error
 */
export async function fetchStableOffset(
  coordinator: Broker,
  groupId: string,
  partition: PartitionRef,
): Promise<CommittedOffset> {
  const exchange: ProtocolRequest = {
    request: {
      apiKey: OFFSET_FETCH,
      apiVersion: VERSION,
      encode: () => Promise.resolve(encoded(requestOf(groupId, partition))),
    },
    response: { decode: (payload) => Promise.resolve(readAnswer(payload)), parse: (data) => Promise.resolve(data) },
  };
  const { errorCode, ...committed } = (await coordinator.connectionPool.send(exchange)) as Answer;
  if (errorCode !== 0) throw createErrorOf(errorCode);
  return committed;
}

interface Answer extends CommittedOffset {
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
}

interface Encoder {
  writeBuffer(bytes: Buffer): Encoder;
}

function encoded(bytes: Buffer): Encoder {
  const KafkajsEncoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => Encoder;
  return new KafkajsEncoder().writeBuffer(bytes);
}

/** OffsetFetch request v7 (Kafka protocol guide). Each structure ends with a count of tagged fields: none. */
function requestOf(groupId: string, { topic, partition }: PartitionRef): Buffer {
  const NO_TAGS = Buffer.of(0);
  const ONE = compactCount(1);
  const index = Buffer.alloc(4);
  index.writeInt32BE(partition);
  const topics = Buffer.concat([ONE, compactString(topic), ONE, index, NO_TAGS]);
  const requireStable = Buffer.of(1);
  // What comes first belongs to the header, which kafkajs writes as it was before it could end with tagged fields.
  return Buffer.concat([NO_TAGS, compactString(groupId), topics, requireStable, NO_TAGS]);
}

/** OffsetFetch response v7, behind the header's correlation id. */
function readAnswer(payload: Buffer): Answer {
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
  const tags = (): void => {
    for (let left = unsigned(); left > 0; left--) {
      unsigned();
      at += unsigned();
    }
  };
  tags();
  const clientSideThrottleTime = int32();
  let found: (CommittedOffset & { errorCode: number }) | undefined;
  for (let topics = unsigned() - 1; topics > 0; topics--) {
    text();
    for (let partitions = unsigned() - 1; partitions > 0; partitions--) {
      int32();
      const offset = int64();
      int32(); // leader epoch
      found = { offset, metadata: text(), errorCode: int16() };
      tags();
    }
    tags();
  }
  const errorCode = int16();
  const committed = found ?? { offset: -1, metadata: null, errorCode: 0 };
  return { clientSideThrottleTime, ...committed, errorCode: errorCode === 0 ? committed.errorCode : errorCode };
}

/** An unsigned varint, one more than the number: 0 stands for null. */
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
