import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

export interface SeenRequest {
  readonly method: string;
  /** With the query. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** Parsed if it is JSON. */
  readonly body: unknown;
}

type Handler = (request: SeenRequest, response: ServerResponse) => void;

/** An HTTP server in this process that answers as a test says, and remembers what it was asked. */
export class FakeAdminApi {
  readonly requests: SeenRequest[] = [];
  private readonly handlers = new Map<string, Handler>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => {
      void this.answer(request, response);
    });
  }

  static async start(): Promise<FakeAdminApi> {
    const api = new FakeAdminApi();
    await once(api.server.listen(0, '127.0.0.1'), 'listening');
    return api;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** @param route method and path without the query: `GET /admin/overview` */
  on(route: string, handler: Handler): this {
    this.handlers.set(route, handler);
    return this;
  }

  /** Answers 200 with JSON. */
  json(route: string, body: unknown, headers: Readonly<Record<string, string>> = {}): this {
    return this.on(route, (_, response) => {
      sendJson(response, 200, body, headers);
    });
  }

  /** Answers problem details. */
  problem(route: string, status: number, problem: object): this {
    return this.on(route, (_, response) => {
      sendJson(response, status, { status, ...problem }, { 'content-type': 'application/problem+json' });
    });
  }

  /** The requests of a route, as `METHOD /path?query`. */
  get lines(): readonly string[] {
    return this.requests.map(({ method, url }) => `${method} ${url}`);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const { method = '', url = '', headers } = request;
    const seen = {
      method,
      url,
      headers,
      body: headers['content-type'] === 'application/json' ? (JSON.parse(text) as unknown) : text,
    };
    this.requests.push(seen);
    const handler = this.handlers.get(`${method} ${url.split('?')[0] ?? ''}`);
    if (handler === undefined)
      sendJson(response, 404, { status: 404, title: 'Not Found', detail: `no ${method} ${url}` });
    else handler(seen, response);
  }
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
}
