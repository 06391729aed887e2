import { protos } from '@google-cloud/bigquery-storage';
import {
  Client,
  type ClientDuplexStream,
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

const { AppendRowsRequest, AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;
const PATH = '/google.cloud.bigquery.storage.v1.BigQueryWrite';
const UNARY = ['CreateWriteStream', 'FinalizeWriteStream', 'GetWriteStream'] as const;
const MAX_MESSAGE_BYTES = 11 << 20;
const CALL_TIMEOUT_MS = 30_000;

/** How BigQuery behaves. What is not said is as it should be. */
export type Weather =
  | { readonly kind: 'fair' }
  /** Every call fails with this status; appends do not reach the table. */
  | { readonly kind: 'failing'; readonly code: status.UNAVAILABLE | status.RESOURCE_EXHAUSTED | status.INTERNAL }
  /** Everything takes so much longer. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Rows land; then the connection breaks instead of an answer. */
  | { readonly kind: 'acks-lost' }
  /** Rows land, and nothing is ever answered. */
  | { readonly kind: 'acks-never' }
  /** Rows land, and the answer says that something was there already. */
  | { readonly kind: 'already-exists' }
  /** The next appends are refused for these rows; then the weather is fair. */
  | { readonly kind: 'refusing'; appends: number; readonly rows: (count: number) => readonly number[] }
  /** Appends are held for so long and then land, also when nobody waits for them any more. */
  | { readonly kind: 'late'; readonly ms: number }
  /**
   * One append is refused whole, and those behind it on its connection get lost on their way: each turns up when it fits
   * the end of its stream, or after `strayMs`. What is sent to that stream meanwhile goes one at a time.
   */
  | { readonly kind: 'straying'; readonly strayMs: number; readonly table: string };

const FAIR: Weather = { kind: 'fair' };

type Fate = 'answer' | 'break' | 'swallow' | 'already-exists' | { readonly refuse: readonly number[] };

/** The Storage Write API of the stand-in, with the troubles that the real one has and a stand-in has not. */
export class WriteApiProxy {
  weather: Weather = FAIR;
  /** Rows that were refused here. */
  refusedRows = 0;
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
      // The stand-in is killed and comes back: it is looked for at once, not after minutes.
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

/** Where the rows of an append go. */
interface Place {
  readonly stream: string;
  readonly offset: number;
  readonly rows: number;
}

function placeOf(request: Buffer): Place {
  const { writeStream, offset, protoRows } = AppendRowsRequest.decode(request);
  return {
    stream: writeStream,
    offset: Number(offset?.value ?? 0),
    rows: protoRows?.rows?.serializedRows?.length ?? 0,
  };
}

interface Strayer extends Place {
  /** Lets it turn up; resolves when it was answered. */
  readonly turnUp: () => Promise<void>;
}

/** Appends to one stream on their way somewhere between the sink and BigQuery. */
class Straying {
  private culprit: { readonly call: AppendCall; readonly stream: string } | undefined;
  private lost: Strayer[] = [];
  private turn = Promise.resolve();

  constructor(private readonly weather: { readonly strayMs: number; readonly table: string }) {}

  /** Whether it goes to the stream that is in trouble: the first of the table that is appended to. */
  concerns(call: AppendCall, { stream }: Place): boolean {
    if (this.culprit === undefined && stream.includes(`/tables/${this.weather.table}/`)) return true;
    return this.culprit?.stream === stream || this.culprit?.call === call;
  }

  /** Whether this is the append that is refused. */
  refuses(call: AppendCall, { stream }: Place): boolean {
    if (this.culprit !== undefined) return false;
    this.culprit = { call, stream };
    return true;
  }

  losesOf(call: AppendCall): boolean {
    return this.culprit?.call === call;
  }

  lose(strayer: Strayer): void {
    this.lost.push(strayer);
    setTimeout(() => {
      if (this.lost.includes(strayer)) void this.turnUp(strayer);
    }, this.weather.strayMs);
  }

  /** Sends one append of another connection and waits for its answer; then whatever fits the new end turns up. */
  pass(place: Place, send: () => Promise<void>): Promise<void> {
    this.turn = this.turn.then(async () => {
      await send();
      const fitting = this.lost.find(({ offset }) => offset === place.offset + place.rows);
      if (fitting !== undefined) await this.turnUp(fitting);
    });
    return this.turn;
  }

  private async turnUp(strayer: Strayer): Promise<void> {
    this.lost = this.lost.filter((each) => each !== strayer);
    await strayer.turnUp();
  }
}

/** One AppendRows call: requests are forwarded in their order, and answered in their order. */
class AppendCall {
  /** What becomes of each request that was not answered yet. */
  private readonly fates: Fate[] = [];
  /** Told one after the other when the stand-in answers. */
  private readonly waiters: (() => void)[] = [];
  /** Requests that wait to be forwarded. */
  private turn = Promise.resolve();
  private over = false;
  /** The schema of the rows, which comes with a connection's first request, while the stand-in was not told of it. */
  private schema: Buffer | undefined;

  constructor(
    private readonly call: ServerDuplexStream<Buffer, Buffer>,
    private readonly upstream: ClientDuplexStream<Buffer, Buffer>,
    private readonly proxy: WriteApiProxy,
  ) {}

  start(): void {
    const { call, upstream } = this;
    call.on('data', (request: Buffer) => {
      this.request(request);
    });
    call.on('end', () => {
      this.finishUpstream();
      void this.turn.then(() => {
        this.end();
      });
    });
    call.on('cancelled', () => {
      this.over = true;
      this.finishUpstream();
    });
    call.on('error', ignore);
    upstream.on('data', (answer: Buffer) => {
      this.answered(answer);
    });
    upstream.on('error', (error: Error & { code?: number }) => {
      this.fail(error.code ?? status.UNKNOWN, error.message);
    });
    upstream.on('end', () => {
      this.end();
    });
  }

  private request(request: Buffer): void {
    const { weather } = this.proxy;
    if (weather.kind === 'failing') {
      this.fail(weather.code, `${status[weather.code]} for a while`);
      return;
    }
    const { straying } = this.proxy;
    if (straying !== undefined) {
      const place = placeOf(request);
      if (straying.concerns(this, place)) {
        this.astray(straying, place, request);
        return;
      }
    }
    const fate = this.fateOf(request);
    this.fates.push(fate);
    if (typeof fate === 'object') {
      this.flushRefused();
      return;
    }
    const holdMs = weather.kind === 'slow' || weather.kind === 'late' ? weather.ms : 0;
    const dueAt = performance.now() + holdMs;
    this.turn = this.turn.then(async () => {
      const leftMs = dueAt - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      this.forward(request);
    });
  }

  /** A request that is refused here tells the schema all the same. Messages that follow each other merge (protobuf). */
  private forward(request: Buffer): void {
    this.upstream.write(this.schema === undefined ? request : Buffer.concat([this.schema, request]));
    this.schema = undefined;
  }

  private keepSchema(request: Buffer): void {
    const { writerSchema } = AppendRowsRequest.decode(request).protoRows ?? {};
    if (writerSchema) this.schema = Buffer.from(AppendRowsRequest.encode({ protoRows: { writerSchema } }).finish());
  }

  private astray(straying: Straying, place: Place, request: Buffer): void {
    if (straying.refuses(this, place)) {
      this.fates.push({ refuse: Array.from({ length: place.rows }, (_, index) => index) });
      this.proxy.refusedRows += place.rows;
      this.keepSchema(request);
      this.flushRefused();
      return;
    }
    this.fates.push('answer');
    const send = (): Promise<void> =>
      new Promise((resolve) => {
        this.waiters.push(resolve);
        this.forward(request);
      });
    if (straying.losesOf(this)) straying.lose({ ...place, turnUp: send });
    // What comes after it on this connection, also in fair weather, keeps its place.
    else this.turn = Promise.all([this.turn, straying.pass(place, send)]).then(() => undefined);
  }

  private fateOf(request: Buffer): Fate {
    const { weather } = this.proxy;
    switch (weather.kind) {
      case 'acks-lost':
        return 'break';
      case 'acks-never':
        return 'swallow';
      case 'already-exists':
        return 'already-exists';
      case 'refusing': {
        const rows = AppendRowsRequest.decode(request).protoRows?.rows?.serializedRows?.length ?? 0;
        const refuse = weather.rows(rows);
        if (--weather.appends <= 0) this.proxy.mend();
        this.proxy.refusedRows += refuse.length;
        if (refuse.length > 0) this.keepSchema(request);
        return refuse.length === 0 ? 'answer' : { refuse };
      }
      default:
        return 'answer';
    }
  }

  private answered(answer: Buffer): void {
    const fate = this.fates.shift();
    this.waiters.shift()?.();
    switch (fate) {
      case 'swallow':
        break;
      case 'break':
        this.fail(status.UNAVAILABLE, 'the connection broke before the answer');
        break;
      case 'already-exists': {
        const error = { code: status.ALREADY_EXISTS, message: 'The offset is before the end of the stream' };
        this.send(Buffer.from(AppendRowsResponse.encode({ error }).finish()));
        break;
      }
      default:
        this.send(answer);
    }
    this.flushRefused();
  }

  /** Refusals are answered here, when everything before them is. */
  private flushRefused(): void {
    for (;;) {
      const [fate] = this.fates;
      if (typeof fate !== 'object') return;
      this.fates.shift();
      const error = { code: status.INVALID_ARGUMENT, message: 'Errors found while processing rows' };
      const rowErrors = fate.refuse.map((index) => ({
        index,
        code: 1 as const,
        message: 'refused by the fault suite',
      }));
      this.send(Buffer.from(AppendRowsResponse.encode({ error, rowErrors }).finish()));
    }
  }

  private send(answer: Buffer): void {
    if (!this.over) this.call.write(answer);
  }

  private fail(code: number, details: string): void {
    for (const waiter of this.waiters.splice(0)) waiter();
    if (this.over) return;
    this.over = true;
    this.call.emit('error', { code, details });
    this.finishUpstream();
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.call.end();
  }

  /** What was taken still goes to the table: it is on its way there, whoever waits for it. */
  private finishUpstream(): void {
    // What strays needs its connection until it has turned up; the server's end closes it.
    if (this.proxy.straying?.losesOf(this) === true) return;
    void this.turn.then(() => {
      this.upstream.end();
    });
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

function ignore(): void {
  // The call's end is told by `cancelled`.
}
