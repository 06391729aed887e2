import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const HIGHEST_PORT = 65_535;

// Below the range for outgoing connections, so that none of them takes a port before its new owner listens on it.
const LOWEST_RANDOM_PORT = 21_000;
const HIGHEST_RANDOM_PORT = 29_000;

/** Finds ports that nothing listens on. One finder returns a port only once, even if its owner does not listen yet. */
export class PortFinder {
  private readonly found = new Set<number>();

  /** The preferred port, or the next free one above it. 0 prefers a random one. */
  async find(preferred: number): Promise<number> {
    const first = preferred === 0 ? randomInt(LOWEST_RANDOM_PORT, HIGHEST_RANDOM_PORT) : preferred;
    for (let port = first; port <= HIGHEST_PORT; port++) {
      if (!this.found.has(port) && (await canListen(port))) {
        this.found.add(port);
        return port;
      }
    }
    throw new Error(`no free port from ${String(first)} up`);
  }
}

/** Whether nothing listens on the port. */
export function canListen(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(false);
      else reject(error);
    });
    server.listen({ host: LOOPBACK, port, exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
