import '../src/patches/index';
import { once } from 'node:events';
import { type AddressInfo, connect as connectSocket, createServer, type Socket } from 'node:net';
import { loadFromKafkajs } from '../src/client/kafkajs-internals';

interface Connection {
  connect(): Promise<boolean>;
  disconnect(): Promise<boolean>;
  isConnected(): boolean;
  send(exchange: object): Promise<unknown>;
}

const Connection = loadFromKafkajs('kafkajs/src/network/connection.js') as new (options: object) => Connection;
const Encoder = loadFromKafkajs('kafkajs/src/protocol/encoder.js') as new () => object;

/** Any request with any answer: what is looked at is the connection. */
const EXCHANGE = {
  request: { apiKey: 3, apiVersion: 0, apiName: 'Metadata', encode: () => Promise.resolve(new Encoder()) },
  response: {
    decode: (payload: Buffer) => Promise.resolve(payload.subarray(2).toString()),
    parse: (text: unknown) => Promise.resolve(text),
  },
};

/** An answer in its frame: length, correlation id, and a string. */
function answerTo(request: Buffer): Buffer {
  const answer = Buffer.alloc(4 + 4 + 2 + 5);
  answer.writeInt32BE(answer.length - 4, 0);
  answer.writeInt32BE(request.readInt32BE(8), 4);
  answer.writeInt16BE(5, 8);
  answer.write('hello', 10);
  return answer;
}

const quiet = () => undefined;
const logger = { namespace: () => ({ debug: quiet, info: quiet, warn: quiet, error: quiet }) };

describe('a connection whose other end has gone without a word', () => {
  const sockets: Socket[] = [];
  /** Bytes of each answer that the first connection still sends. */
  let answeredBytes = Infinity;
  const server = createServer((socket) => {
    sockets.push(socket);
    const isFirst = sockets.length === 1;
    socket.on('error', quiet);
    socket.on('data', (request) => {
      socket.write(answerTo(request).subarray(0, isFirst ? answeredBytes : Infinity));
    });
  });
  let connection: Connection;

  beforeEach(async () => {
    sockets.length = 0;
    answeredBytes = Infinity;
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
    ['nothing', 0],
    ['half an answer', 7],
  ])('is given up with the request that times out after %s, and the next one has its answer', async (_, bytes) => {
    await expect(connection.send(EXCHANGE)).resolves.toBe('hello');
    answeredBytes = bytes;
    await expect(connection.send(EXCHANGE)).rejects.toThrow('timed out');
    await new Promise(setImmediate);
    expect(connection.isConnected()).toBe(false);
    await connection.connect();
    await expect(connection.send(EXCHANGE)).resolves.toBe('hello');
    expect(sockets).toHaveLength(2);
  });

  it('fails what else waits on it', async () => {
    answeredBytes = 0;
    const patient = { ...EXCHANGE, requestTimeout: 60_000 };
    const waiting = connection.send(patient);
    const both = Promise.allSettled([waiting, connection.send(EXCHANGE)]);
    expect((await both).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });
});
