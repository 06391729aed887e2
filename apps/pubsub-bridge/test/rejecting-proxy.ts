import {
  type ClientHttp2Session,
  connect,
  constants,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type ServerHttp2Session,
} from 'node:http2';
import { type AddressInfo } from 'node:net';

import { status } from '@grpc/grpc-js';

const PUBLISH = '/google.pubsub.v1.Publisher/Publish';

/**
 * A proxy in front of the Pub/Sub emulator, which accepts every message. The proxy answers INVALID_ARGUMENT, as Pub/Sub
 * does, to each publish request that contains `marker`, and forwards all other requests.
 */
export class RejectingProxy {
  /** Publish requests rejected so far. */
  rejected = 0;
  private readonly sessions = new Set<ServerHttp2Session>();

  private constructor(
    private readonly server: Http2Server,
    private readonly upstream: ClientHttp2Session,
    private readonly marker: string,
  ) {
    server.on('session', (session) => {
      this.sessions.add(session);
      session.once('close', () => this.sessions.delete(session));
    });
    server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      this.answer(stream, headers);
    });
  }

  static async start(emulatorHost: string, marker: string): Promise<RejectingProxy> {
    const upstream = connect(`http://${emulatorHost}`);
    const proxy = new RejectingProxy(createServer(), upstream, marker);
    await new Promise<void>((resolve) => {
      proxy.server.listen(0, '127.0.0.1', resolve);
    });
    return proxy;
  }

  /** `host:port` */
  get address(): string {
    return `127.0.0.1:${String((this.server.address() as AddressInfo).port)}`;
  }

  async close(): Promise<void> {
    this.upstream.destroy();
    for (const session of this.sessions) session.destroy();
    await new Promise<void>((resolve) => {
      this.server.close(() => {
        resolve();
      });
    });
  }

  private answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const body = Buffer.concat(chunks);
      if (headers[':path'] === PUBLISH && body.includes(this.marker)) {
        this.rejected++;
        const invalid = { 'grpc-status': String(status.INVALID_ARGUMENT), 'grpc-message': 'a message is invalid' };
        stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...invalid }, { endStream: true });
      } else {
        this.forward(stream, headers, body);
      }
    });
  }

  private forward(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: Buffer): void {
    const request = this.upstream.request(headers);
    let trailers: IncomingHttpHeaders = {};
    request.on('error', () => {
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
    });
    request.on('trailers', (received) => {
      trailers = received;
    });
    request.on('response', (response, flags) => {
      if (stream.destroyed) return;
      if ((flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
        stream.respond(response, { endStream: true });
        return;
      }
      stream.respond(response, { waitForTrailers: true });
      stream.on('wantTrailers', () => {
        stream.sendTrailers(trailers);
      });
      request.pipe(stream);
    });
    request.end(body);
  }
}
