import { createServer, request, type Server } from 'node:http';
import { type AddressInfo } from 'node:net';

/** Between the batch and BigQuery: requests whose body has a text are answered with 503, while it is set. */
export class FailingProxy {
  /** Requests with it fail. */
  failing: RegExp | undefined;
  rejected = 0;

  private constructor(private readonly server: Server) {}

  static async start(target: string): Promise<FailingProxy> {
    const server = createServer();
    const proxy = new FailingProxy(server);
    server.on('request', (incoming, outgoing) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('end', () => {
        const body = Buffer.concat(chunks);
        if (proxy.failing?.test(body.toString('latin1')) === true) {
          proxy.rejected++;
          outgoing.writeHead(503, { 'content-type': 'application/json' });
          outgoing.end(
            JSON.stringify({ error: { code: 503, message: 'injected', errors: [{ reason: 'backendError' }] } }),
          );
          return;
        }
        const { method, headers, url = '/' } = incoming;
        const forwarded = request(new URL(url, target), { method, headers }, (answer) => {
          outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(outgoing);
        });
        forwarded.on('error', () => outgoing.destroy());
        forwarded.end(body);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }
}
