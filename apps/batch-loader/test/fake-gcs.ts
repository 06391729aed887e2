import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const MODULE = 'github.com/fsouza/fake-gcs-server@v1.56.1';
const CACHE = join(__dirname, '../../../node_modules/.cache/fake-gcs-1.56.1');
const INSTALL_MS = 900_000;
const START_MS = 30_000;

/** An emulator of Cloud Storage with one bucket, in memory. It comes from the Go module proxy at the first use. */
export class FakeGcs {
  private constructor(
    readonly endpoint: string,
    private readonly child: ChildProcess,
  ) {}

  static async start(bucket: string): Promise<FakeGcs> {
    const binary = join(CACHE, 'fake-gcs-server');
    if (!existsSync(binary)) {
      execFileSync('go', ['install', MODULE], { env: { ...process.env, GOBIN: CACHE }, timeout: INSTALL_MS });
    }
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const args = ['-scheme', 'http', '-host', '127.0.0.1', '-port', String(port), '-backend', 'memory'];
    const child = spawn(binary, [...args, '-public-host', `127.0.0.1:${port}`, '-external-url', endpoint], {
      stdio: 'ignore',
    });
    const server = new FakeGcs(endpoint, child);
    try {
      await server.createBucket(bucket);
    } catch (error) {
      server.stop();
      throw error;
    }
    return server;
  }

  stop(): void {
    this.child.kill('SIGKILL');
  }

  private async createBucket(name: string): Promise<void> {
    const endMs = performance.now() + START_MS;
    for (;;) {
      try {
        const url = `${this.endpoint}/storage/v1/b?project=test`;
        const body = JSON.stringify({ name });
        const response = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
        if (response.ok) return;
        throw new Error(`fake-gcs-server answers ${response.status}`);
      } catch (error) {
        if (performance.now() > endMs) throw error;
        await delay(50);
      }
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}
