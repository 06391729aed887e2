import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An attribute of OTLP in JSON. An integer is a string of digits there. */
interface OtlpAttribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly intValue?: string | number };
}

interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtlpAttribute[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string }[];
}

interface OtlpRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly OtlpAttribute[] };
    readonly scopeSpans: readonly { readonly spans: readonly OtlpSpan[] }[];
  }[];
}

export interface CollectedSpan extends Omit<OtlpSpan, 'attributes'> {
  readonly service: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** A receiver of OTLP over HTTP in JSON, which can also answer 500 or not at all. */
export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  /** Number of requests in the present mode. */
  requests = 0;
  private mode: 'collect' | 'fail' | 'hang' = 'collect';
  private readonly unanswered = new Set<ServerResponse>();

  private constructor(private readonly server: Server) {}

  static async start(): Promise<OtlpCollector> {
    const server = createServer();
    const collector = new OtlpCollector(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        collector.receive(request.url ?? '', Buffer.concat(chunks).toString(), response);
      });
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return collector;
  }

  get url(): string {
    return `http://127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  become(mode: 'collect' | 'fail' | 'hang'): void {
    this.mode = mode;
    this.requests = 0;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  private receive(url: string, body: string, response: ServerResponse): void {
    this.requests++;
    if (this.mode === 'hang') {
      this.unanswered.add(response);
      return;
    }
    if (this.mode === 'fail' || url !== '/v1/traces') {
      response.writeHead(url === '/v1/traces' ? 500 : 404).end();
      return;
    }
    for (const { resource, scopeSpans } of (JSON.parse(body) as OtlpRequest).resourceSpans) {
      const service = textsOf(resource.attributes)['service.name'] ?? '';
      for (const { spans } of scopeSpans) {
        for (const span of spans) this.spans.push({ ...span, service, attributes: textsOf(span.attributes) });
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  }
}

const textsOf = (attributes: readonly OtlpAttribute[]): Record<string, string> =>
  Object.fromEntries(
    attributes.map(({ key, value }) => [key, value.stringValue ?? String(value.intValue ?? JSON.stringify(value))]),
  );
