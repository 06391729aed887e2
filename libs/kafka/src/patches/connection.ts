import { type Socket } from 'node:net';
import { clientTotals } from '../client/client-totals';
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
  KafkaJSRequestTimeoutError: new (...args: never) => Error;
};
const original = { connect: prototype.connect, send: prototype.send };

/**
 * Closes the connection when a request times out, which fails the other requests on it too (as the NetworkClient of the
 * Java client does). The original sends the next request on the same connection. If the other end disappeared without
 * closing it, for example behind a NAT that dropped the mapping, no request is ever answered again.
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

/**
 * Discards half a response of the previous connection. The original parses the new connection's bytes as its rest. Counts
 * the connections that were opened.
 */
async function connect(this: Connection): Promise<boolean> {
  if (this.isConnected()) return original.connect.call(this);
  this.chunks = [];
  this.bytesBuffered = 0;
  this.bytesNeeded = LENGTH_BYTES;
  const connected = await original.connect.call(this);
  clientTotals.connections++;
  return connected;
}

Object.assign(prototype, { send, connect });
