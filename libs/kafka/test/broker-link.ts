import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { once } from 'node:events';

/** What a link does with its connections. Silent: it takes what both sides send, and passes nothing on. */
type LinkState = 'open' | 'cut' | 'silent';

interface Pair {
  readonly client: Socket;
  readonly broker: Socket;
}

/**
 * A TCP proxy between this process and a broker, which every connection that begins after `open` goes through. A broker
 * advertises its own address to its clients, so the link replaces how sockets connect to it.
 */
export class BrokerLink {
  private state: LinkState = 'open';
  private readonly pairs = new Set<Pair>();
  private readonly silent = new WeakSet<Pair>();
  private readonly connect: jest.SpyInstance;
  /** Connections since the start. */
  opened = 0;

  private constructor(
    private readonly server: Server,
    brokerPort: number,
  ) {
    const original = net.connect;
    const { port } = server.address() as AddressInfo;
    const redirected = (options: net.TcpNetConnectOpts, onConnect?: () => void): Socket =>
      original(options.port === brokerPort ? { ...options, port } : options, onConnect);
    this.connect = jest.spyOn(net, 'connect').mockImplementation(redirected as never);
    server.on('connection', (client: Socket) => {
      if (this.state === 'cut') {
        client.resetAndDestroy();
        return;
      }
      this.opened++;
      const broker = original({ host: '127.0.0.1', port: brokerPort });
      this.join({ client, broker });
    });
  }

  static async open(): Promise<BrokerLink> {
    const [address = ''] = (process.env.TEST_KAFKA_BROKERS ?? '').split(',');
    const server = net.createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new BrokerLink(server, Number(address.split(':')[1]));
  }

  /** The connections that are open now. */
  get connections(): number {
    return this.pairs.size;
  }

  /** Resets every connection, and each new one. */
  cut(): void {
    this.state = 'cut';
    this.resetAll();
  }

  silence(): void {
    this.state = 'silent';
  }

  /** Makes one connection silent. */
  silenceOne(): void {
    const [pair] = this.pairs;
    if (pair !== undefined) this.silent.add(pair);
  }

  /** Connections that were silent are lost. */
  restore(): void {
    if (this.state === 'silent') this.resetAll();
    this.state = 'open';
  }

  resetAll(): void {
    for (const { client, broker } of this.pairs) {
      client.resetAndDestroy();
      broker.destroy();
    }
  }

  async close(): Promise<void> {
    this.connect.mockRestore();
    this.resetAll();
    this.server.close();
    await once(this.server, 'close');
  }

  private join(pair: Pair): void {
    this.pairs.add(pair);
    const { client, broker } = pair;
    for (const [from, to] of [
      [client, broker],
      [broker, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('error', () => undefined);
      from.on('data', (bytes) => {
        if (this.state === 'open' && !this.silent.has(pair)) to.write(bytes);
      });
      from.on('close', () => {
        this.pairs.delete(pair);
        to.destroy();
      });
    }
  }
}
