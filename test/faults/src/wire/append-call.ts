import { protos } from '@google-cloud/bigquery-storage';
import { type ClientDuplexStream, type ServerDuplexStream, status } from '@grpc/grpc-js';

import { type Place, placeOf, type Straying } from './straying';
import { type Weather } from './append-conditions';

const { AppendRowsRequest, AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;

/** What all calls have in common. */
export interface Sky {
  readonly weather: Weather;
  /** What goes astray in this weather; undefined in any other. */
  readonly straying: Straying | undefined;
  /** Rows that were rejected here. */
  rejectedRows: number;
  /** Calls and appends that met bad weather. */
  met: number;
  /** The weather is fair from now on. */
  mend(): void;
}

type Fate = 'answer' | 'break' | 'swallow' | 'already-exists' | { readonly reject: readonly number[] };

/** One AppendRows call: requests are forwarded in their order, and answered in their order. */
export class AppendCall {
  /** What becomes of each request that was not answered yet. */
  private readonly fates: Fate[] = [];
  /** Told one after the other when the emulator answers. */
  private readonly waiters: (() => void)[] = [];
  /** Requests that wait to be forwarded. */
  private turn = Promise.resolve();
  private over = false;
  /** The schema of the rows, which comes with a connection's first request, while the emulator was not told of it. */
  private schema: Buffer | undefined;

  constructor(
    private readonly call: ServerDuplexStream<Buffer, Buffer>,
    private readonly upstream: ClientDuplexStream<Buffer, Buffer>,
    private readonly sky: Sky,
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
    const { weather } = this.sky;
    if (weather.kind === 'failing') {
      this.sky.met++;
      this.fail(weather.code, `${status[weather.code]} for a while`);
      return;
    }
    const { straying } = this.sky;
    if (straying !== undefined) {
      const place = placeOf(request);
      if (straying.concerns(this, place)) {
        this.astray(straying, place, request);
        return;
      }
    }
    const fate = this.fateOf(request);
    const holdMs = weather.kind === 'slow' || weather.kind === 'late' ? weather.ms : 0;
    if (fate !== 'answer' || holdMs > 0) this.sky.met++;
    this.fates.push(fate);
    if (typeof fate === 'object') {
      this.flushRejected();
      return;
    }
    const dueAt = performance.now() + holdMs;
    this.turn = this.turn.then(async () => {
      const leftMs = dueAt - performance.now();
      if (leftMs > 0) await new Promise((resolve) => setTimeout(resolve, leftMs));
      this.forward(request);
    });
  }

  /** A request that is rejected here tells the schema all the same. Messages that follow each other merge (protobuf). */
  private forward(request: Buffer): void {
    this.upstream.write(this.schema === undefined ? request : Buffer.concat([this.schema, request]));
    this.schema = undefined;
  }

  private keepSchema(request: Buffer): void {
    const { writerSchema } = AppendRowsRequest.decode(request).protoRows ?? {};
    if (writerSchema) this.schema = Buffer.from(AppendRowsRequest.encode({ protoRows: { writerSchema } }).finish());
  }

  private astray(straying: Straying, place: Place, request: Buffer): void {
    this.sky.met++;
    if (straying.rejects(this, place)) {
      this.fates.push({ reject: Array.from({ length: place.rows }, (_, index) => index) });
      this.sky.rejectedRows += place.rows;
      this.keepSchema(request);
      this.flushRejected();
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
    const { weather } = this.sky;
    switch (weather.kind) {
      case 'acks-lost':
        return 'break';
      case 'acks-never':
        return 'swallow';
      case 'already-exists':
        return 'already-exists';
      case 'rejecting': {
        const rows = AppendRowsRequest.decode(request).protoRows?.rows?.serializedRows?.length ?? 0;
        const reject = weather.rows(rows);
        if (--weather.appends <= 0) this.sky.mend();
        this.sky.rejectedRows += reject.length;
        if (reject.length > 0) this.keepSchema(request);
        return reject.length === 0 ? 'answer' : { reject };
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
    this.flushRejected();
  }

  /** Rejections are answered here, when everything before them is. */
  private flushRejected(): void {
    for (;;) {
      const [fate] = this.fates;
      if (typeof fate !== 'object') return;
      this.fates.shift();
      const error = { code: status.INVALID_ARGUMENT, message: 'Errors found while processing rows' };
      const rowErrors = fate.reject.map((index) => ({
        index,
        code: 1 as const,
        message: 'rejected by the fault suite',
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
    if (this.sky.straying?.losesOf(this) === true) return;
    void this.turn.then(() => {
      this.upstream.end();
    });
  }
}

function ignore(): void {
  // The call's end is told by `cancelled`.
}
