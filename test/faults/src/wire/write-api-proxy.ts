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

import { AppendCall, type Sky } from './append-call';
import { Straying } from './straying';
import { FAIR, type Weather } from './append-conditions';

const PATH = '/google.cloud.bigquery.storage.v1.BigQueryWrite';
const UNARY = ['CreateWriteStream', 'FinalizeWriteStream', 'GetWriteStream'] as const;
const MAX_MESSAGE_BYTES = 11 << 20;
const CALL_TIMEOUT_MS = 30_000;

/** The Storage Write API of the emulator, with the troubles that the real one has and a emulator has not. */
export class WriteApiProxy implements Sky {
  weather: Weather = FAIR;
  /** Rows that were rejected here. */
  rejectedRows = 0;
  /** Calls and appends that met bad weather. */
  met = 0;
  private strayed: Straying | undefined;

  private constructor(
    readonly port: number,
    private readonly upstream: Client,
    private readonly server: Server,
  ) {}

  static async listen(port: number, upstreamPort: number): Promise<WriteApiProxy> {
    const limits = { 'grpc.max_receive_message_length': MAX_MESSAGE_BYTES, 'grpc.max_send_message_length': -1 };
    const upstream = new Client(`127.0.0.1:${String(upstreamPort)}`, credentials.createInsecure(), {
      ...limits,
      // The emulator is killed and comes back: it is looked for at once, not after minutes.
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

  mend(): void {
    this.weather = FAIR;
    this.strayed = undefined;
  }

  /** What goes astray in this weather; undefined in any other. */
  get straying(): Straying | undefined {
    if (this.weather.kind !== 'straying') return undefined;
    return (this.strayed ??= new Straying(this.weather));
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
    const { weather } = this;
    if (weather.kind === 'failing' || weather.kind === 'slow') this.met++;
    if (weather.kind === 'failing') {
      reply({ code: weather.code, details: `${status[weather.code]} for a while` });
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
    if (weather.kind === 'slow') setTimeout(forward, weather.ms);
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

/** What a server needs to route the call; the rest belongs to the connection. */
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
