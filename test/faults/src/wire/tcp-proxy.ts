import { createServer, createConnection, type Server, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** What a wire does to what goes over it. */
export type WireState =
  | { readonly kind: 'open' }
  /** Every connection is reset, and new ones are too. */
  | { readonly kind: 'cut' }
  /** Everything arrives, so much later; in both directions. */
  | { readonly kind: 'delayed'; readonly ms: number }
  /** Bytes a second, in each direction of each connection. */
  | { readonly kind: 'throttled'; readonly bytesPerSecond: number }
  /**
   * Connections are accepted, and whatever is sent over them is swallowed. One that was open in this state never says
   * anything again, also when the wire is whole again: as if a router in between had forgotten it.
   */
  | { readonly kind: 'half-open' };

/** What has met a wire that was not open, since the beginning. */
export interface Met {
  /** Reset, rejected, forgotten, or made only to be forgotten. */
  readonly connections: number;
  /** Pieces of data that came in, in either direction. */
  readonly chunks: number;
}

const OPEN: WireState = { kind: 'open' };
/** A sender that is ahead by so much waits. */
const MAX_QUEUED_BYTES = 1_048_576;
const LOOPBACK = '127.0.0.1';

/** A wire between a client and a server that can be bad. Every connection goes to the one upstream port. */
export class TcpProxy {
  private wire: WireState = OPEN;
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

  get state(): WireState {
    return this.wire;
  }

  set state(state: WireState) {
    this.wire = state;
    if (state.kind !== 'cut' && state.kind !== 'half-open') return;
    for (const pair of this.pairs) {
      if (!pair.isForgotten) this.connections++;
      if (state.kind === 'cut') pair.reset();
      else pair.forget();
    }
  }

  get met(): Met {
    return { connections: this.connections, chunks: this.chunks };
  }

  /** The wire is as it should be. */
  mend(): void {
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
    if (this.wire.kind === 'cut') {
      this.connections++;
      client.on('error', ignore);
      client.resetAndDestroy();
      return;
    }
    const upstream = createConnection({ host: LOOPBACK, port: this.upstreamPort });
    const pair = new Pair(client, upstream, { wire: () => this.wire, met: () => this.chunks++ });
    this.pairs.add(pair);
    if (this.wire.kind === 'half-open') {
      this.connections++;
      pair.forget();
    }
    void pair.run().finally(() => this.pairs.delete(pair));
  }
}

/** One connection through the proxy. */
class Pair {
  private forgotten = false;

  constructor(
    private readonly client: Socket,
    private readonly upstream: Socket,
    private readonly proxy: { readonly wire: () => WireState; readonly met: () => void },
  ) {
    for (const socket of [client, upstream]) {
      socket.setNoDelay(true);
      socket.on('error', ignore);
    }
  }

  get isForgotten(): boolean {
    return this.forgotten;
  }

  /** Nothing goes through any more; the ends are not told. */
  forget(): void {
    this.forgotten = true;
  }

  reset(): void {
    this.client.resetAndDestroy();
    this.upstream.resetAndDestroy();
  }

  async run(): Promise<void> {
    await Promise.all([this.pump(this.client, this.upstream), this.pump(this.upstream, this.client)]);
  }

  /** Carries one direction until its source ends; then the other end is told, unless the connection is forgotten. */
  private pump(from: Socket, to: Socket): Promise<void> {
    let queuedBytes = 0;
    let turn = Promise.resolve();
    from.on('data', (chunk: Buffer) => {
      const wire = this.proxy.wire();
      if (wire.kind !== 'open') this.proxy.met();
      if (this.forgotten) return;
      if (wire.kind === 'open' && queuedBytes === 0) {
        if (!to.write(chunk)) {
          from.pause();
          to.once('drain', () => from.resume());
        }
        return;
      }
      const dueAt = performance.now() + (wire.kind === 'delayed' ? wire.ms : 0);
      queuedBytes += chunk.length;
      if (queuedBytes > MAX_QUEUED_BYTES) from.pause();
      turn = turn.then(async () => {
        const now = this.proxy.wire();
        const pauseMs =
          now.kind === 'throttled' ? (chunk.length / now.bytesPerSecond) * 1_000 : dueAt - performance.now();
        if (pauseMs > 0) await delay(pauseMs, undefined, { ref: false });
        queuedBytes -= chunk.length;
        if (!this.forgotten && !to.destroyed) to.write(chunk);
        if (queuedBytes <= MAX_QUEUED_BYTES / 2) from.resume();
      });
    });
    return new Promise((resolve) => {
      from.once('close', () => {
        void turn.then(() => {
          if (!this.forgotten || from === this.client) to.destroy();
          resolve();
        });
      });
    });
  }
}

function ignore(): void {
  // The other end is told by the close that follows.
}
