import {
  Client,
  credentials,
  type Metadata,
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';

import { AppendCall, type AppendFaultContext } from './append-call';
import { type AppendFault, NO_FAULT } from './append-fault';
import { OutOfOrderAppends } from './out-of-order-appends';

const PATH = '/google.cloud.bigquery.storage.v1.BigQueryWrite';
const UNARY = ['CreateWriteStream', 'FinalizeWriteStream', 'GetWriteStream'] as const;
const MAX_MESSAGE_BYTES = 11 << 20;
const CALL_TIMEOUT_MS = 30_000;

/** The emulator's Storage Write API, with the failures of Google's that the emulator does not have. */
export class WriteApiProxy implements AppendFaultContext {
  fault: AppendFault = NO_FAULT;
  /** Rows that this proxy has rejected. */
  rejectedRows = 0;
  /** Calls and appends that a fault has affected. */
  affected = 0;
  private currentOutOfOrder: OutOfOrderAppends | undefined;

  private constructor(
    readonly port: number,
    private readonly upstream: Client,
    private readonly server: Server,
  ) {}

  static async listen(port: number, upstreamPort: number): Promise<WriteApiProxy> {
    const limits = { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': -1 };
    const upstream = new Client(`127.0.0.1:${String(upstreamPort)}`, credentials.createInsecure(), {
      ...limits,
      // The emulator is killed and restarted: reconnect at once, not after minutes.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
    const server = new Server(limits);
    const proxy = new WriteApiProxy(port, upstream, server);
    server.addService(SERVICE, {
      ...Object.fromEntries(
        UNARY.map((method) => [
          method,
          (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
            proxy.unary(method, call, reply);
          },
        ]),
      ),
      AppendRows: (call: ServerDuplexStream<Buffer, Buffer>) => {
        proxy.append(call);
      },
    });
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`127.0.0.1:${String(port)}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    return proxy;
  }

  /** Ends the fault. */
  clear(): void {
    this.fault = NO_FAULT;
    this.currentOutOfOrder = undefined;
  }

  get outOfOrder(): OutOfOrderAppends | undefined {
    if (this.fault.kind !== 'out-of-order') return undefined;
    return (this.currentOutOfOrder ??= new OutOfOrderAppends(this.fault));
  }

  close(): void {
    this.server.forceShutdown();
    this.upstream.close();
  }

  private unary(
    method: (typeof UNARY)[number],
    call: ServerUnaryCall<Buffer, Buffer>,
    reply: sendUnaryData<Buffer>,
  ): void {
    const { fault } = this;
    if (fault.kind === 'failing' || fault.kind === 'slow') this.affected++;
    if (fault.kind === 'failing') {
      reply({ code: fault.code, details: `${status[fault.code]} injected by the fault suite` });
      return;
    }
    const forward = (): void => {
      const options = { deadline: Date.now() + CALL_TIMEOUT_MS };
      const { request } = call;
      this.upstream.makeUnaryRequest(
        `${PATH}/${method}`,
        same,
        same,
        request,
        forwarded(call.metadata),
        options,
        reply,
      );
    };
    if (fault.kind === 'slow') setTimeout(forward, fault.ms);
    else forward();
  }

  private append(call: ServerDuplexStream<Buffer, Buffer>): void {
    new AppendCall(
      call,
      this.upstream.makeBidiStreamRequest(`${PATH}/AppendRows`, same, same, forwarded(call.metadata)),
      this,
    ).start();
  }
}

/** The metadata that routes the call. The rest belongs to the connection. */
function forwarded(metadata: Metadata): Metadata {
  const copy = metadata.clone();
  for (const name of Object.keys(copy.getMap())) if (!name.startsWith('x-goog-')) copy.remove(name);
  return copy;
}

const same = (bytes: Buffer): Buffer => bytes;

const method = (name: string, stream: boolean): ServiceDefinition[string] => ({
  path: `${PATH}/${name}`,
  requestStream: stream,
  responseStream: stream,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
});

const SERVICE: ServiceDefinition = {
  ...Object.fromEntries(UNARY.map((name) => [name, method(name, false)])),
  AppendRows: method('AppendRows', true),
};
