import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

const LOOPBACK = '127.0.0.1';
const HIGHEST_PORT = 65_535;

// Below what systems give to outgoing connections, so that none of those takes the port before its owner listens on it.
const LOWEST_OF_ANY = 21_000;
const HIGHEST_OF_ANY = 29_000;

/** Hands out ports that nothing listens on. A port is handed out once, also before its new owner listens on it. */
export class PortFinder {
  private readonly given = new Set<number>();

  /** The preferred port, or the next free one above it; with 0 any that is free. */
  async find(preferred: number): Promise<number> {
    const first = preferred === 0 ? randomInt(LOWEST_OF_ANY, HIGHEST_OF_ANY) : preferred;
    for (let port = first; port <= HIGHEST_PORT; port++) {
      if (!this.given.has(port) && (await canListen(port))) {
        this.given.add(port);
        return port;
      }
    }
    throw new Error(`no free port from ${String(first)} up`);
  }
}

function canListen(port: number): Promise<boolean> {
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
