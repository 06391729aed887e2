import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

import { ZodError } from 'zod';

import { faultRule } from './faults';
import type { WriteApiServer } from './write-api-server';

const MAX_BODY_BYTES = 65_536;

/**
 * Controls the faults of a server from other processes: JSON over HTTP on loopback.
 * `POST /faults` with a FaultRule -> `{id}`; `GET /faults` -> the rules with the number of their applications;
 * `DELETE /faults[/id]`; `POST /connections/cut`; `POST /streams/forget`; `GET /counts`.
 */
export async function startControlServer(server: WriteApiServer, port: number): Promise<{ url: string; stop(): void }> {
  const http = createServer((request, response) => {
    respond(server, request, response).catch((error: unknown) => {
      const isInvalid = error instanceof ZodError || error instanceof SyntaxError;
      response.writeHead(isInvalid ? 400 : 500).end(JSON.stringify({ error: String(error) }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(port, '127.0.0.1', resolve);
  });
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('the control server has no port');
  const stop = (): void => {
    http.close();
    http.closeAllConnections();
  };
  return { url: `http://127.0.0.1:${address.port}`, stop };
}

async function respond(server: WriteApiServer, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { method = 'GET', url = '/' } = request;
  const [, collection, id] = url.split('/');
  const answer = (value: unknown): void => {
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
  };
  switch (`${method} /${collection ?? ''}`) {
    case 'GET /faults':
      answer(server.faults.list());
      return;
    case 'POST /faults':
      answer({ id: server.faults.add(faultRule.parse(JSON.parse(await readBody(request)))) });
      return;
    case 'DELETE /faults':
      server.faults.remove(id);
      answer({});
      return;
    case 'POST /connections':
      server.cutConnections();
      answer({});
      return;
    case 'POST /streams':
      server.backend.forgetStreams();
      answer({});
      return;
    case 'GET /counts':
      answer(server.counts);
      return;
    default:
      response.writeHead(404).end('{}');
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new SyntaxError('the body is too large');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
