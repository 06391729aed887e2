import { type Socket } from 'node:net';
import { loadFromKafkajs } from '../client/kafkajs-internals';

interface Connection {
  socket: Socket | null;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  isConnected(): boolean;
  readonly connect: (this: Connection) => Promise<boolean>;
  readonly send: (this: Connection, exchange: unknown) => Promise<unknown>;
}

const LENGTH_BYTES = 4;

const { prototype } = loadFromKafkajs('kafkajs/src/network/connection.js') as { prototype: Connection };
const { KafkaJSRequestTimeoutError } = loadFromKafkajs('kafkajs/src/errors.js') as {
  KafkaJSRequestTimeoutError: new (...parts: never) => Error;
};
const original = { connect: prototype.connect, send: prototype.send };

/**
 * A request that is not answered in time takes its connection with it, and all that waits on it (as the Java client's
 * NetworkClient does). The original sends the next request down the same connection: when the other end is gone without
 * a word, as behind a NAT that forgot it, none is ever answered again.
 */
async function send(this: Connection, exchange: unknown): Promise<unknown> {
  const { socket } = this;
  try {
    return await original.send.call(this, exchange);
  } catch (error) {
    if (error instanceof KafkaJSRequestTimeoutError) socket?.destroy(error);
    throw error;
  }
}

/** A new connection begins with an answer's first byte. The original goes on behind half an answer of the last one. */
function connect(this: Connection): Promise<boolean> {
  if (!this.isConnected()) {
    this.chunks = [];
    this.bytesBuffered = 0;
    this.bytesNeeded = LENGTH_BYTES;
  }
  return original.connect.call(this);
}

Object.assign(prototype, { send, connect });
