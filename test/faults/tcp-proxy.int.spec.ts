import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { waitUntil } from '@orderstream/deadlines';
import { PortFinder } from '../../dev/src';
import { type Affected, type LinkState, TcpProxy } from './src/proxy/tcp-proxy';

/** For loaded machines. */
jest.setTimeout(30_000);

/** A link to a server that returns what it receives. */
describe('TcpProxy', () => {
  let server: Server;
  let proxy: TcpProxy;
  const clients: Socket[] = [];

  beforeEach(async () => {
    server = createServer((socket) => socket.on('error', () => undefined).pipe(socket)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await TcpProxy.listen(await new PortFinder().find(0), (server.address() as AddressInfo).port);
  });

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await proxy.close();
    server.close();
  });

  function client(): Socket {
    const socket = connect(proxy.port, '127.0.0.1')
      .setNoDelay(true)
      .on('error', () => undefined);
    clients.push(socket);
    return socket;
  }

  /** A client whose connection works. */
  async function connected(): Promise<Socket> {
    const socket = client();
    socket.write('x');
    await once(socket, 'data');
    return socket;
  }

  /** Resolves also after a reset, which `once` would reject for. */
  const closeOf = (socket: Socket): Promise<void> =>
    new Promise((resolve) => {
      socket.once('close', () => {
        resolve();
      });
    });
  const until = (what: string, condition: () => boolean): Promise<true> =>
    waitUntil(condition, { what, deadlineMs: 20_000, intervalMs: 10 });
  const waitUntilAffected = (expected: Partial<Affected>): Promise<true> =>
    until(`the link to affect ${JSON.stringify(expected)}`, () =>
      Object.entries(expected).every(([kind, count]) => proxy.affected[kind as keyof Affected] === count),
    );

  it('affects nothing while it is open', async () => {
    await connected();
    expect(proxy.affected).toEqual({ connections: 0, chunks: 0 });
  });

  it.each<LinkState>([
    { kind: 'delayed', ms: 1 },
    { kind: 'throttled', bytesPerSecond: 1_000_000 },
  ])('counts the data in both directions while it is %j', async (state) => {
    const socket = await connected();
    proxy.state = state;
    expect(proxy.affected).toEqual({ connections: 0, chunks: 0 });
    socket.write('y');
    await once(socket, 'data');
    expect(proxy.affected).toEqual({ connections: 0, chunks: 2 });
    proxy.clear();
    socket.write('z');
    await once(socket, 'data');
    expect(proxy.affected).toEqual({ connections: 0, chunks: 2 });
  });

  it.each<readonly [LinkState, number]>([
    [{ kind: 'delayed', ms: 100 }, 200],
    [{ kind: 'throttled', bytesPerSecond: 1_000 }, 200],
  ])('carries 100 bytes there and back while it is %j, in about %d ms or more', async (state, leastMs) => {
    const socket = await connected();
    proxy.state = state;
    const startedAt = performance.now();
    socket.write(Buffer.alloc(100, 'y'));
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    await until('100 bytes', () => received === 100);
    // Timers count whole milliseconds, and may fire early by as much.
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(leastMs - 10);
  });

  it('resets its connections and new ones when it is cut, counts them, and connects again afterwards', async () => {
    const socket = await connected();
    const closed = closeOf(socket);
    proxy.state = { kind: 'cut' };
    expect(proxy.affected).toEqual({ connections: 1, chunks: 0 });
    await closed;
    await closeOf(client());
    expect(proxy.affected).toEqual({ connections: 2, chunks: 0 });
    proxy.clear();
    await connected();
    expect(proxy.affected).toEqual({ connections: 2, chunks: 0 });
  });

  it('counts the connections that it drops, each once, and their data, while it is half-open', async () => {
    const socket = await connected();
    proxy.state = { kind: 'half-open' };
    expect(proxy.affected).toEqual({ connections: 1, chunks: 0 });
    socket.write('y');
    await waitUntilAffected({ connections: 1, chunks: 1 });
    client();
    await waitUntilAffected({ connections: 2, chunks: 1 });
    proxy.state = { kind: 'half-open' };
    expect(proxy.affected).toEqual({ connections: 2, chunks: 1 });
  });

  it('carries nothing on a dropped connection, also when it is open again', async () => {
    const socket = await connected();
    const received: string[] = [];
    socket.setEncoding('utf8').on('data', (text: string) => received.push(text));
    proxy.state = { kind: 'half-open' };
    socket.write('lost');
    await waitUntilAffected({ chunks: 1 });
    proxy.clear();
    socket.write('lost too');
    await connected();
    await connected();
    expect(received).toEqual([]);
    expect(socket.destroyed).toBe(false);
  });
});
