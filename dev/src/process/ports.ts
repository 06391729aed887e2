import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const HIGHEST_PORT = 65_535;

/** Hands out ports that nothing listens on. A port is handed out once, also before its new owner listens on it. */
export class PortFinder {
  private readonly given = new Set<number>();

  /** The preferred port, or the next free one above it; with 0 any free one. */
  async find(preferred: number): Promise<number> {
    if (preferred === 0) {
      for (;;) {
        const port = await listenOnce(0);
        if (port !== undefined && !this.given.has(port)) return this.give(port);
      }
    }
    for (let port = preferred; port <= HIGHEST_PORT; port++) {
      if (!this.given.has(port) && (await listenOnce(port)) !== undefined) return this.give(port);
    }
    throw new Error(`no free port from ${String(preferred)} up`);
  }

  private give(port: number): number {
    this.given.add(port);
    return port;
  }
}

/** The port that could be listened on; undefined when it is taken. */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      const address = server.address();
      server.close(() => {
        resolve(address !== null && typeof address === 'object' ? address.port : undefined);
      });
    });
  });
}
