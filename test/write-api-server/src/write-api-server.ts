import { Rng } from '@orderstream/random';
import { createServer, type Server as TcpServer, type Socket } from 'node:net';
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';

import { AppendConnection, type Counts } from './append-connection';
import { APPEND_ROWS_PATH, pathOf, targetOf, UNARY_METHODS, type UnaryMethod, type WriteBackend } from './backend';
import { failure, Faults } from './faults';
import { unavailable, WriteApiError } from './status';

/** Above the limit of BigQuery, so that a request over it is answered as by BigQuery. */
const MAX_MESSAGE_BYTES = 32 << 20;
const FLOW_CONTROL_WINDOW_BYTES = 4 << 20;
const HOST = '127.0.0.1';

export interface WriteApiServerOptions {
  readonly backend: WriteBackend;
  /** Seed of the faults with a chance. */
  readonly seed?: number;
  /** 0 is a free port. */
  readonly port?: number;
}

/** A Storage Write API server that injects faults between its clients and a backend. */
export class WriteApiServer {
  readonly faults: Faults;
  readonly counts: Counts = { connections: 0, requests: 0, rows: 0, bytes: 0, waiting: 0 };
  readonly backend: WriteBackend;
  private readonly server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  });
  /** By the peer address of gRPC. */
  private readonly sockets = new Map<string, Socket>();
  private readonly listener: TcpServer;

  constructor(private readonly options: WriteApiServerOptions) {
    this.backend = options.backend;
    this.faults = new Faults(Rng.seeded(options.seed ?? 1));
    this.server.addService(SERVICE, {
      ...Object.fromEntries(UNARY_METHODS.map((method) => [method, this.unary(method)])),
      AppendRows: (call: ServerDuplexStream<Buffer, Buffer>) => this.serveAppends(call),
    });
    // Accepts the sockets and passes them to gRPC, so that faults can cut them.
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.listener = createServer({ noDelay: true }, (socket) => {
      const peer = `${String(socket.remoteAddress)}:${String(socket.remotePort)}`;
      this.sockets.set(peer, socket);
      socket.on('close', () => this.sockets.delete(peer));
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    });
  }

  /** Starts listening on loopback; resolves to `host:port`. */
  async start(): Promise<string> {
    const { port = 0 } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.listener.once('error', reject);
      this.listener.listen(port, HOST, resolve);
    });
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return `${HOST}:${address.port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.cutConnections();
    this.server.forceShutdown();
    this.backend.close();
    await closed;
  }

  /** Destroys all TCP connections. Requests that were received are still executed. */
  cutConnections(): void {
    for (const socket of this.sockets.values()) socket.destroy();
  }

  private serveAppends(call: ServerDuplexStream<Buffer, Buffer>): void {
    try {
      const session = this.backend.openAppends();
      const { faults, counts } = this;
      const cutSocket = (): void => void this.sockets.get(call.getPeer())?.destroy();
      new AppendConnection({ call, session, faults, counts, cutSocket }).serve();
    } catch (error) {
      call.emit('error', asStatus(error));
    }
  }

  private unary(method: UnaryMethod): (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => void {
    return (call, reply) => {
      this.answer(method, call).then(
        (response) => {
          if (response !== undefined) reply(null, response);
        },
        (error: unknown) => reply(asStatus(error)),
      );
    };
  }

  /** Resolves to the response; undefined for none. */
  private async answer(method: UnaryMethod, call: ServerUnaryCall<Buffer, Buffer>): Promise<Buffer | undefined> {
    const { request } = call;
    const { delayMs, fault } = this.faults.next(method, targetOf(method, request));
    if (fault?.kind === 'fail') throw failure(fault);
    if (fault?.kind === 'land-late') {
      setTimeout(() => void this.backend.call(method, request).catch(() => undefined), fault.ms);
    }
    const isDone =
      fault === undefined || fault.kind === 'lose-answer' || (fault.kind === 'never-answer' && fault.lands);
    const response = isDone ? await this.backend.call(method, request) : undefined;
    if (fault === undefined) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      return response;
    }
    if (fault.kind === 'never-answer') return undefined;
    if (fault.cut === 'call') throw unavailable('cut by a fault');
    this.sockets.get(call.getPeer())?.destroy();
    return undefined;
  }
}

const asStatus = (error: unknown): ReturnType<WriteApiError['toStatus']> =>
  (error instanceof WriteApiError ? error : new WriteApiError(status.INTERNAL, String(error))).toStatus();

const RAW = (bytes: Buffer): Buffer => bytes;
const RAW_METHOD = {
  requestSerialize: RAW,
  requestDeserialize: RAW,
  responseSerialize: RAW,
  responseDeserialize: RAW,
};

const SERVICE: ServiceDefinition = {
  ...Object.fromEntries(
    UNARY_METHODS.map((method) => [
      method,
      { path: pathOf(method), requestStream: false, responseStream: false, ...RAW_METHOD },
    ]),
  ),
  AppendRows: { path: APPEND_ROWS_PATH, requestStream: true, responseStream: true, ...RAW_METHOD },
};
