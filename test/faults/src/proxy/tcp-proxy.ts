import { createServer, createConnection, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How a link treats its connections. */
export type LinkState =
  | { readonly kind: 'open' }
  /** Every connection is reset, new ones included. */
  | { readonly kind: 'cut' }
  /** All data arrives `ms` later, in both directions. */
  | { readonly kind: 'delayed'; readonly ms: number }
  /** The limit holds for each direction of each connection. */
  | { readonly kind: 'throttled'; readonly bytesPerSecond: number }
  /**
   * Connections are accepted and their data is dropped. A connection that was open in this state stays silent after the
   * link is open again, as if a router in between had lost its entry.
   */
  | { readonly kind: 'half-open' };

/** What a link has affected while it was not open, since it exists. */
export interface Affected {
  /** Connections that were reset, rejected or dropped. */
  readonly connections: number;
  /** Pieces of data that came in, in either direction. */
  readonly chunks: number;
}

const OPEN: LinkState = { kind: 'open' };
/** A sender that is this far ahead is paused. */
const MAX_QUEUED_BYTES = 1_048_576;
const LOOPBACK = '127.0.0.1';

/** The link between a client and a server, with faults on demand. Every connection goes to the one upstream port. */
export class TcpProxy {
  private link: LinkState = OPEN;
  private readonly pairs = new Set<Pair>();
  private connections = 0;
  private chunks = 0;

  private constructor(
    readonly port: number,
    private readonly upstreamPort: number,
    private readonly server: Server,
  ) {}

  static async listen(port: number, upstreamPort: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: false });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: LOOPBACK, port }, resolve);
    });
    const proxy = new TcpProxy(port, upstreamPort, server);
    server.on('connection', (socket) => {
      proxy.accept(socket);
    });
    return proxy;
  }

  get state(): LinkState {
    return this.link;
  }

  set state(state: LinkState) {
    this.link = state;
    if (state.kind !== 'cut' && state.kind !== 'half-open') return;
    for (const pair of this.pairs) {
      if (!pair.isDropped) this.connections++;
      if (state.kind === 'cut') pair.reset();
      else pair.drop();
    }
  }

  get affected(): Affected {
    return { connections: this.connections, chunks: this.chunks };
  }

  /** Ends the fault. */
  clear(): void {
    this.state = OPEN;
  }

  async close(): Promise<void> {
    for (const pair of this.pairs) pair.reset();
    await new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
  }

  private accept(client: Socket): void {
    if (this.link.kind === 'cut') {
      this.connections++;
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ host: LOOPBACK, port: this.upstreamPort });
    const pair = new Pair(client, upstream, { link: () => this.link, onAffected: () => this.chunks++ });
    this.pairs.add(pair);
    if (this.link.kind === 'half-open') {
      this.connections++;
      pair.drop();
    }
    void pair.run().finally(() => this.pairs.delete(pair));
  }
}

/** The two sockets of one connection through the proxy. */
class Pair {
  private dropped = false;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly proxy: { readonly link: () => LinkState; readonly onAffected: () => void },
  ) {
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', ignore);
    }
  }

  get isDropped(): boolean {
    return this.dropped;
  }

  /** Forwards nothing from now on, and leaves both sockets open. */
  drop(): void {
    this.dropped = true;
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.upstream.resetAndDestroy();
  }

  async run(): Promise<void> {
    await Promise.all([this.pump(this.client, this.upstream), this.pump(this.upstream, this.client)]);
  }

  /** Carries one direction until its source ends, then closes the other socket, unless the connection is dropped. */
  private pump(from: Socket, to: Socket): Promise<void> {
    let queuedBytes = 0;
    let queue = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const link = this.proxy.link();
      if (link.kind !== 'open') this.proxy.onAffected();
      if (this.dropped) return;
      if (link.kind === 'open' && queuedBytes === 0) {
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        return;
      }
      const dueAt = performance.now() + (link.kind === 'delayed' ? link.ms : 0);
      queuedBytes += chunk.length;
      if (queuedBytes > MAX_QUEUED_BYTES) from.pause();
      queue = queue.then(async () => {
        const now = this.proxy.link();
        const pauseMs =
          now.kind === 'throttled' ? (chunk.length / now.bytesPerSecond) * 1_000 : dueAt - performance.now();
        if (pauseMs > 0) await delay(pauseMs, undefined, { ref: false });
        queuedBytes -= chunk.length;
        if (!this.dropped && !to.destroyed) to.write(chunk);
        if (queuedBytes <= MAX_QUEUED_BYTES / 2) from.resume();
      });
    });
    return new Promise((resolve) => {
      from.once('close', () => {
        void queue.then(() => {
          if (!this.dropped || from === this.client) to.destroy();
          resolve();
        });
      });
    });
  }
}

function ignore(): void {
  // 'close' follows, and closes the other socket.
}
