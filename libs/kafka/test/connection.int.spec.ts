import '../src/patches/index';
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import { waitUntil } from '@orderstream/deadlines';
import { loadFromKafkajs } from '../src/client/kafkajs-internals';

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  isConnected(): boolean;
  send(exchange: object): Promise<unknown>;
}

const Connection = loadFromKafkajs('kafkajs/src/network/connection.js') as new (options: object) => Connection;
const Encoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => object;

/** Any request with any response: the tests look at the connection. */
const EXCHANGE = {
  request: { apiKey: 3, apiVersion: 0, apiName: 'Metadata', encode: () => Promise.resolve(new Encoder()) },
  response: {
    decode: (payload: Buffer) => Promise.resolve(payload.subarray(2).toString()),
    parse: (text: unknown) => Promise.resolve(text),
  },
};

/** A response with its frame: length, correlation id, and a string. */
function responseTo(request: Buffer): Buffer {
  const response = Buffer.alloc(4 + 4 + 2 + 5);
  response.writeInt32BE(response.length - 4, 0);
  response.writeInt32BE(request.readInt32BE(8), 4);
  response.writeInt16BE(5, 8);
  response.write('hello', 10);
  return response;
}

const quiet = () => undefined;
const logger = { namespace: () => ({ debug: quiet, info: quiet, warn: quiet, error: quiet }) };

describe('a connection whose other end stops responding', () => {
  const sockets: Socket[] = [];
  /** How many bytes of each response the first connection sends. */
  let responseBytes = Infinity;
  const server = createServer((socket) => {
    sockets.push(socket);
    const isFirst = sockets.length === 1;
    socket.on('error', quiet);
    socket.on('data', (request) => {
      socket.write(responseTo(request).subarray(0, isFirst ? responseBytes : Infinity));
    });
  });
  let connection: Connection;

  beforeEach(async () => {
    sockets.length = 0;
    responseBytes = Infinity;
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    connection = new Connection({
      host: '127.0.0.1',
      port,
      logger,
      requestTimeout: 1_000,
      connectionTimeout: 2_000,
      socketFactory: ({ host, onConnect }: { host: string; onConnect: () => void }) =>
        connectSocket({ host, port }, onConnect),
    });
    await connection.connect();
  });

  afterEach(async () => {
    await connection.disconnect();
    for (const socket of sockets) socket.destroy();
    server.close();
    await once(server, 'close');
  });

  it.each([
    ['no response', 0],
    ['half a response', 7],
  ])('is closed when a request times out with %s, and the next connection gets its response', async (_, bytes) => {
    await expect(connection.send(EXCHANGE)).resolves.toBe('hello');
    responseBytes = bytes;
    await expect(connection.send(EXCHANGE)).rejects.toThrow('timed out');
    await new Promise(setImmediate);
    expect(connection.isConnected()).toBe(false);
    await connection.connect();
    await expect(connection.send(EXCHANGE)).resolves.toBe('hello');
    expect(sockets).toHaveLength(2);
  });

  it('fails the other requests on it when it is closed', async () => {
    responseBytes = 0;
    const waiting = connection.send({ ...EXCHANGE, requestTimeout: 60_000 });
    const both = Promise.allSettled([waiting, connection.send(EXCHANGE)]);
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('opens one socket when several requests find it closed', async () => {
    sockets[0]?.destroy();
    await waitUntil(() => !connection.isConnected(), { what: 'the connection to be closed', deadlineMs: 5_000 });
    const opened = Promise.all(Array.from({ length: 5 }, () => connection.connect()));
    await expect(opened).resolves.toEqual(Array(5).fill(true));
    await expect(connection.send(EXCHANGE)).resolves.toBe('hello');
    expect(sockets).toHaveLength(2);
  });
});
