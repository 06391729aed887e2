import { protos } from '@google-cloud/bigquery-storage';
import { Server, ServerCredentials, type ServerDuplexStream, type ServiceDefinition, status } from '@grpc/grpc-js';

const v1 = protos.google.cloud.bigquery.storage.v1;
const PATH = '/google.cloud.bigquery.storage.v1.BigQueryWrite';

interface Stream {
  rows: number;
  finalized: boolean;
}

interface AppendRequest {
  readonly stream: string | undefined;
  readonly offset: number;
  readonly rows: number;
  readonly bytes: number;
}

interface AppendAnswer {
  appendResult?: { offset: { value: number } };
  error?: { code: number; message: string };
  rowErrors?: { index: number; code: number; message: string }[];
}

/**
 * A Storage Write API that keeps no rows: it checks offsets, counts rows, finalizes, and can be slow, refuse rows and
 * forget streams. For measuring and for faults; whether rows are right is for a stand-in that keeps them.
 */
export class WriteApiServer {
  /** Every append is answered so much later. */
  delayMs = 0;
  /** Indexes of the rows of an append that are refused. */
  refuse: (request: AppendRequest) => readonly number[] = () => [];
  readonly appends = { requests: 0, rows: 0, bytes: 0, waiting: 0 };
  private readonly streams = new Map<string, Stream>();
  private readonly server = new Server({ 'grpc.max_receive_message_length': 11 << 20 });

  /** Listens on a free port; returns `host:port`. */
  async start(): Promise<string> {
    this.server.addService(SERVICE, {
      createWriteStream: (
        call: { request: protos.google.cloud.bigquery.storage.v1.CreateWriteStreamRequest },
        reply: Reply,
      ) => {
        const name = `${call.request.parent}/streams/${String(this.streams.size)}`;
        this.streams.set(name, { rows: 0, finalized: false });
        reply(null, { name });
      },
      finalizeWriteStream: (
        call: { request: protos.google.cloud.bigquery.storage.v1.FinalizeWriteStreamRequest },
        reply: Reply,
      ) => {
        const stream = this.streams.get(call.request.name);
        if (stream === undefined) {
          reply({ code: status.NOT_FOUND, details: 'no such stream' });
          return;
        }
        stream.finalized = true;
        reply(null, { rowCount: stream.rows });
      },
      appendRows: (call: ServerDuplexStream<AppendRequest, AppendAnswer>) => {
        this.serveAppends(call);
      },
    });
    const port = await new Promise<number>((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
        if (error === null) resolve(bound);
        else reject(error);
      });
    });
    return `127.0.0.1:${String(port)}`;
  }

  stop(): void {
    this.server.forceShutdown();
  }

  forgetStreams(): void {
    this.streams.clear();
  }

  /** Rows of all streams. */
  get rows(): number {
    return [...this.streams.values()].reduce((sum, { rows }) => sum + rows, 0);
  }

  private serveAppends(call: ServerDuplexStream<AppendRequest, AppendAnswer>): void {
    let name = '';
    let answered = Promise.resolve();
    call.on('data', (request: AppendRequest) => {
      name = request.stream ?? name;
      const stream = name;
      this.appends.requests++;
      this.appends.bytes += request.bytes;
      this.appends.waiting++;
      answered = answered.then(async () => {
        if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
        this.appends.waiting--;
        call.write(this.append(stream, request));
      });
    });
    call.on('error', () => undefined);
    call.on('end', () => {
      void answered.then(() => call.end());
    });
  }

  private append(name: string, request: AppendRequest): AppendAnswer {
    const stream = this.streams.get(name);
    if (stream === undefined) return failure(status.NOT_FOUND, 'no such stream');
    if (stream.finalized) return failure(status.FAILED_PRECONDITION, 'stream is finalized');
    if (request.offset < stream.rows) return failure(status.ALREADY_EXISTS, `offset ${String(request.offset)} exists`);
    if (request.offset > stream.rows) return failure(status.OUT_OF_RANGE, `stream ends at ${String(stream.rows)}`);
    const refused = this.refuse(request);
    if (refused.length > 0) {
      const rowErrors = refused.map((index) => ({ index, code: 1, message: 'refused' }));
      return { ...failure(status.INVALID_ARGUMENT, 'rows are refused'), rowErrors };
    }
    stream.rows += request.rows;
    this.appends.rows += request.rows;
    return { appendResult: { offset: { value: request.offset } } };
  }
}

type Reply = (error: { code: number; details: string } | null, value?: object) => void;

const failure = (code: number, message: string): AppendAnswer => ({ error: { code, message } });

const SERVICE: ServiceDefinition = {
  createWriteStream: {
    path: `${PATH}/CreateWriteStream`,
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => v1.CreateWriteStreamRequest.decode(bytes),
    requestSerialize: () => Buffer.alloc(0),
    responseSerialize: (value: object) => Buffer.from(v1.WriteStream.encode(value).finish()),
    responseDeserialize: () => ({}),
  },
  finalizeWriteStream: {
    path: `${PATH}/FinalizeWriteStream`,
    requestStream: false,
    responseStream: false,
    requestDeserialize: (bytes: Buffer) => v1.FinalizeWriteStreamRequest.decode(bytes),
    requestSerialize: () => Buffer.alloc(0),
    responseSerialize: (value: object) => Buffer.from(v1.FinalizeWriteStreamResponse.encode(value).finish()),
    responseDeserialize: () => ({}),
  },
  appendRows: {
    path: `${PATH}/AppendRows`,
    requestStream: true,
    responseStream: true,
    requestDeserialize: scanAppend,
    requestSerialize: () => Buffer.alloc(0),
    responseSerialize: (value: AppendAnswer) => Buffer.from(v1.AppendRowsResponse.encode(value).finish()),
    responseDeserialize: () => ({}),
  },
};

/** Reads of an AppendRowsRequest what offsets need, without an object for each row. */
function scanAppend(bytes: Buffer): AppendRequest {
  let stream: string | undefined;
  let offset = 0;
  let rows = 0;
  fields(bytes, 0, bytes.length, (field, from, to) => {
    if (field === 1) stream = bytes.toString('utf8', from, to);
    else if (field === 2) offset = to > from ? varint(bytes, from + 1)[0] : 0;
    else if (field === 4) {
      fields(bytes, from, to, (inner, start, end) => {
        if (inner === 2) fields(bytes, start, end, () => rows++);
      });
    }
  });
  return { stream, offset, rows, bytes: bytes.length };
}

/** Visits the length-delimited fields of a message. */
function fields(
  bytes: Buffer,
  from: number,
  to: number,
  visit: (field: number, from: number, to: number) => void,
): void {
  for (let at = from; at < to;) {
    const [tag, afterTag] = varint(bytes, at);
    const [length, start] = varint(bytes, afterTag);
    if ((tag & 7) !== 2) throw new TypeError(`unexpected wire type ${String(tag & 7)}`);
    at = start + length;
    visit(tag >> 3, start, at);
  }
}

function varint(bytes: Buffer, from: number): [value: number, next: number] {
  let value = 0;
  for (let at = from, factor = 1; ; at++, factor *= 128) {
    const byte = bytes[at] ?? 0;
    value += (byte & 0x7f) * factor;
    if (byte < 128) return [value, at + 1];
  }
}
