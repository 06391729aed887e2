import { type Socket } from 'node:net';
import { clientTotals } from '../client/client-totals';
import { loadFromKafkajs } from '../client/kafkajs-internals';

interface Connection {
  socket: Socket | null;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  readonly connectionTimeout: number;
  readonly broker: string;
  isConnected(): boolean;
  readonly connect: (this: Connection) => Promise<boolean>;
  readonly send: (this: Connection, exchange: unknown) => Promise<unknown>;
}

const LENGTH_BYTES = 4;
/** After the timeout of kafkajs. */
const LATE_MS = 500;

const { prototype } = loadFromKafkajs('kafkajs/src/network/connection.js') as { prototype: Connection };
const { KafkaJSConnectionError, KafkaJSRequestTimeoutError } = loadFromKafkajs('kafkajs/src/errors.js') as {
  KafkaJSConnectionError: new (message: string, details: object) => Error;
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

const connecting = new WeakMap<Connection, Promise<boolean>>();

/**
 * Opens one socket, however many requests need the connection at the same time: the original opens one for each of them.
 * All but the last stay open, unused, and when the broker closes them for idleness the requests on the last one fail.
 */
function connect(this: Connection): Promise<boolean> {
  if (this.isConnected()) return Promise.resolve(true);
  let opening = connecting.get(this);
  if (opening === undefined) {
    opening = connectOnce(this).finally(() => connecting.delete(this));
    connecting.set(this, opening);
  }
  return opening;
}

/**
 * Discards half a response of the previous connection: the original parses the bytes of the new one as its rest. Has a
 * timeout of its own: the original never settles when the other end closes the connection during the TLS handshake.
 */
async function connectOnce(connection: Connection): Promise<boolean> {
  const { connectionTimeout, broker } = connection;
  connection.chunks = [];
  connection.bytesBuffered = 0;
  connection.bytesNeeded = LENGTH_BYTES;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const fail = (): void => {
      connection.socket?.destroy();
      reject(new KafkaJSConnectionError('Connection timeout', { broker }));
    };
    timer = setTimeout(fail, connectionTimeout + LATE_MS);
  });
  try {
    const connected = await Promise.race([original.connect.call(connection), late]);
    clientTotals.connections++;
    return connected;
  } finally {
    clearTimeout(timer);
  }
}

Object.assign(prototype, { send, connect });
