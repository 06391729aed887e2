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

/** Above BigQuery's own limit, so that a request over it is answered as BigQuery does. */
const MAX_MESSAGE_BYTES = 32 << 20;
const FLOW_CONTROL_WINDOW_BYTES = 4 << 20;

export interface WriteApiServerOptions {
  readonly backend: WriteBackend;
  /** For faults with a chance. */
  readonly seed?: number;
  readonly host?: string;
  /** 0: a free one. */
  readonly port?: number;
}

/** A Storage Write API in front of a backend, with faults on demand. */
export class WriteApiServer {
  readonly faults: Faults;
  readonly counts: Counts = { connections: 0, requests: 0, rows: 0, bytes: 0, waiting: 0 };
  readonly backend: WriteBackend;
  private readonly server = new Server({
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    'grpc-node.flow_control_window': FLOW_CONTROL_WINDOW_BYTES,
  });
  /** By the address that gRPC calls the peer. */
  private readonly sockets = new Map<string, Socket>();
  private readonly listener: TcpServer;

  constructor(private readonly options: WriteApiServerOptions) {
    this.backend = options.backend;
    this.faults = new Faults(Rng.seeded(options.seed ?? 1));
    this.server.addService(SERVICE, {
      ...Object.fromEntries(UNARY_METHODS.map((method) => [method, this.unary(method)])),
      AppendRows: (call: ServerDuplexStream<Buffer, Buffer>) => this.serveAppends(call),
    });
    // The sockets are taken here and handed to gRPC, so that they can be cut.
    const injector = this.server.createConnectionInjector(ServerCredentials.createInsecure());
    this.listener = createServer({ noDelay: true }, (socket) => {
      const peer = `${String(socket.remoteAddress)}:${String(socket.remotePort)}`;
      this.sockets.set(peer, socket);
      socket.on('close', () => this.sockets.delete(peer));
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    });
  }

  /** Listens; returns `host:port`. */
  async start(): Promise<string> {
    const { host = '127.0.0.1', port = 0 } = this.options;
    await new Promise<void>((resolve, reject) => {
      this.listener.once('error', reject);
      this.listener.listen(port, host, resolve);
    });
    const address = this.listener.address();
    if (address === null || typeof address === 'string') throw new Error('the server has no port');
    return `${host}:${address.port}`;
  }

  async stop(): Promise<void> {
    const closed = new Promise((resolve) => this.listener.close(resolve));
    this.cutConnections();
    this.server.forceShutdown();
    this.backend.close();
    await closed;
  }

  /** Cuts all TCP connections. What was received lands nevertheless. */
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

  /** Undefined: there is no answer. */
  private async answer(method: UnaryMethod, call: ServerUnaryCall<Buffer, Buffer>): Promise<Buffer | undefined> {
    const { request } = call;
    const { delayMs, accident } = this.faults.next(method, targetOf(method, request));
    if (accident?.kind === 'fail') throw failure(accident);
    if (accident?.kind === 'land-late') {
      setTimeout(() => void this.backend.call(method, request).catch(() => undefined), accident.ms);
    }
    const isDone =
      accident === undefined || accident.kind === 'lose-answer' || (accident.kind === 'never-answer' && accident.lands);
    const response = isDone ? await this.backend.call(method, request) : undefined;
    if (accident === undefined) {
      if (delayMs > 0) await new Promise((resolve) => setTimeout(resolve, delayMs));
      return response;
    }
    if (accident.kind === 'never-answer') return undefined;
    if (accident.cut === 'call') throw unavailable('cut by a fault');
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
