import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

import { waitUntil } from '@orderstream/deadlines';
import { PortFinder } from '../../dev/src';
import { type Met, TcpProxy, type WireState } from './src/wire/tcp-proxy';

/** A machine with other work to do is slow. */
jest.setTimeout(30_000);

/** A wire to a server that sends back what it gets. */
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
    const socket = connect(proxy.port, '127.0.0.1').on('error', () => undefined);
    clients.push(socket);
    return socket;
  }

  /** One whose connection is known to work. */
  async function connected(): Promise<Socket> {
    const socket = client();
    socket.write('x');
    await once(socket, 'data');
    return socket;
  }

  const untilMet = (met: Partial<Met>): Promise<true> =>
    waitUntil(() => Object.entries(met).every(([kind, count]) => proxy.met[kind as keyof Met] === count), {
      what: `${JSON.stringify(met)} to meet the wire`,
      deadlineMs: 20_000,
      intervalMs: 10,
    });

  it('counts nothing while it is open', async () => {
    await connected();
    expect(proxy.met).toEqual({ connections: 0, chunks: 0 });
  });

  it.each<WireState>([
    { kind: 'delayed', ms: 1 },
    { kind: 'throttled', bytesPerSecond: 1_000_000 },
  ])('counts what goes over it, there and back, while it is %j', async (state) => {
    const socket = await connected();
    proxy.state = state;
    expect(proxy.met).toEqual({ connections: 0, chunks: 0 });
    socket.write('y');
    await once(socket, 'data');
    expect(proxy.met).toEqual({ connections: 0, chunks: 2 });
    proxy.mend();
    socket.write('z');
    await once(socket, 'data');
    expect(proxy.met).toEqual({ connections: 0, chunks: 2 });
  });

  it('counts connections that it resets and rejects when it is cut', async () => {
    const socket = await connected();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    proxy.state = { kind: 'cut' };
    expect(proxy.met).toEqual({ connections: 1, chunks: 0 });
    await closed;
    client();
    await untilMet({ connections: 2 });
  });

  it('counts connections that it forgets, each once, and what they send, when it is half open', async () => {
    const socket = await connected();
    proxy.state = { kind: 'half-open' };
    expect(proxy.met).toEqual({ connections: 1, chunks: 0 });
    socket.write('y');
    await untilMet({ connections: 1, chunks: 1 });
    client();
    await untilMet({ connections: 2, chunks: 1 });
    proxy.state = { kind: 'half-open' };
    expect(proxy.met).toEqual({ connections: 2, chunks: 1 });
  });
});
