import { connect, type Socket } from 'node:net';
import { once } from 'node:events';

import { partitionName, type TopicPartition } from '@orderstream/kafka';

const PRODUCE = 0;
/** The first version that takes zstd. */
const VERSION = 7;
const TIMEOUT_MS = 30_000;
/** The size of a response to one partition, and more. */
const MAX_RESPONSE_BYTES = 4_096;

/** The broker did not store a batch. */
export class ProduceRejectedError extends Error {
  constructor(
    partition: TopicPartition,
    readonly errorCode: number,
  ) {
    super(`the broker answered error ${String(errorCode)} to a batch for ${partitionName(partition)}`);
  }
}

/**
 * Sends one record batch as it is, in a Produce request of version 7 (Kafka protocol guide), on a connection of its own.
 * For batches that producers do not make.
 *
 * @param address `host:port` of the only broker
 * @returns the offset of its first record
 * @throws ProduceRejectedError; otherwise the batch may be stored or not
 */
export async function produceBatch(address: string, ref: TopicPartition, batch: Buffer): Promise<number> {
  const separator = address.lastIndexOf(':');
  const socket = connect({ host: address.slice(0, separator), port: Number(address.slice(separator + 1)) });
  socket.setTimeout(TIMEOUT_MS, () => {
    socket.destroy(new Error(`no answer of the broker to a batch within ${String(TIMEOUT_MS / 1_000)} s`));
  });
  try {
    await once(socket, 'connect');
    socket.write(encodeRequest(ref, batch));
    return baseOffsetOf(await readResponse(socket), ref);
  } finally {
    socket.destroy();
  }
}

function encodeRequest({ topic, partition }: TopicPartition, batch: Buffer): Buffer {
  const body = Buffer.concat([
    int16(PRODUCE),
    int16(VERSION),
    int32(1), // correlation id
    text('orderstream-faults'),
    int16(-1), // no transactional id
    int16(-1), // acks of all in-sync replicas
    int32(TIMEOUT_MS),
    int32(1),
    text(topic),
    int32(1),
    int32(partition),
    int32(batch.length),
    batch,
  ]);
  return Buffer.concat([int32(body.length), body]);
}

function baseOffsetOf(response: Buffer, ref: TopicPartition): number {
  // Correlation id, number of topics, name, number of partitions, partition, error code, base offset.
  const afterName = 4 + 4 + 2 + response.readInt16BE(8);
  const errorCode = response.readInt16BE(afterName + 8);
  if (errorCode !== 0) throw new ProduceRejectedError(ref, errorCode);
  return Number(response.readBigInt64BE(afterName + 10));
}

async function readResponse(socket: Socket): Promise<Buffer> {
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    if (received.length < 4) continue;
    const size = received.readInt32BE(0);
    if (size > MAX_RESPONSE_BYTES) throw new RangeError(`a response of ${String(size)} bytes`);
    if (received.length >= 4 + size) return received.subarray(4, 4 + size);
  }
  throw new Error('the broker closed the connection before it answered');
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([int16(bytes.length), bytes]);
}
