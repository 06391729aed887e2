import { protos } from '@google-cloud/bigquery-storage';
import { Client, type ClientDuplexStream, credentials, Metadata, type ServiceError, status } from '@grpc/grpc-js';

import type { AppendRequest } from './append-request';
import {
  APPEND_ROWS_PATH,
  type AppendSession,
  pathOf,
  type RowCheck,
  targetOf,
  type UnaryMethod,
  type WriteBackend,
} from './backend';
import { RowDecoder } from './row-decoder';
import { unavailable, WriteApiError } from './status';

const { AppendRowsRequest, ProtoSchema, WriteStream, RowError } = protos.google.cloud.bigquery.storage.v1;

const RAW = (bytes: Buffer): Buffer => bytes;
const MAX_MESSAGE_BYTES = 64 << 20;

/** Forwards requests to another Write API, and its responses back, both unchanged. */
export class ForwardingBackend implements WriteBackend {
  private readonly client: Client;
  private readonly known = new Set<string>();
  private readonly forgotten = new Set<string>();

  /** @param endpoint `host:port`, without TLS */
  constructor(endpoint: string) {
    this.client = new Client(endpoint, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      // Reconnects quickly after a restart.
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 500,
    });
  }

  async call(method: UnaryMethod, request: Buffer): Promise<Buffer> {
    this.assertKnown(targetOf(method, request));
    const response = await new Promise<Buffer>((resolve, reject) => {
      this.client.makeUnaryRequest(pathOf(method), RAW, RAW, request, (error, answer) => {
        if (error !== null) reject(asWriteApiError(error));
        else if (answer === undefined) reject(unavailable('the upstream has not answered'));
        else resolve(answer);
      });
    });
    if (method === 'CreateWriteStream') this.known.add(WriteStream.decode(response).name);
    return response;
  }

  openAppends(): AppendSession {
    const call = this.client.makeBidiStreamRequest(APPEND_ROWS_PATH, RAW, RAW, new Metadata());
    return new ForwardedAppends(call, (stream) => this.assertKnown(stream));
  }

  forgetStreams(): void {
    for (const stream of this.known) this.forgotten.add(stream);
    this.known.clear();
  }

  close(): void {
    this.client.close();
  }

  private assertKnown(stream: string): void {
    if (this.forgotten.has(stream)) {
      throw new WriteApiError(status.NOT_FOUND, `Requested entity was not found. Entity: ${stream}`);
    }
    if (/\/streams\/(?!_default$)/.test(stream)) this.known.add(stream);
  }
}

interface Waiting {
  readonly resolve: (response: Buffer) => void;
  readonly reject: (error: WriteApiError) => void;
}

/** Responses arrive in the order of the requests ("Responses are received in the same order": AppendRows). */
class ForwardedAppends implements AppendSession {
  private readonly waiting: Waiting[] = [];
  private ended: WriteApiError | undefined;
  private stream = '';
  private decoder: RowDecoder | undefined;
  /** Stream and schema of requests that were not forwarded, as serialized messages. */
  private head: Buffer[] = [];

  constructor(
    private readonly call: ClientDuplexStream<Buffer, Buffer>,
    private readonly assertKnown: (stream: string) => void,
  ) {
    call.on('data', (response: Buffer) => this.waiting.shift()?.resolve(response));
    call.on('error', (error: ServiceError) => this.end(asWriteApiError(error)));
    call.on('end', () => this.end(unavailable('the upstream has ended the call')));
  }

  append(request: AppendRequest, rejects?: RowCheck): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.ended !== undefined) throw this.ended;
      this.read(request);
      const rejections = rejects === undefined ? [] : this.rejections(request, rejects);
      if (rejections.length > 0) {
        this.storeHead(request);
        resolve(new WriteApiError(status.INVALID_ARGUMENT, 'Rows are invalid').inBand(this.stream, rejections));
        return;
      }
      this.waiting.push({ resolve, reject });
      // Concatenated messages are one message with the fields of all ("Protocol Buffers: Encoding").
      this.call.write(Buffer.concat([...this.head.splice(0), request.bytes]));
    });
  }

  skip(request: AppendRequest): void {
    this.read(request);
    this.storeHead(request);
  }

  close(): void {
    this.call.end();
  }

  private read({ stream, schema }: AppendRequest): void {
    this.stream = stream ?? this.stream;
    this.assertKnown(this.stream);
    if (schema !== undefined) this.decoder = new RowDecoder(schema);
  }

  private storeHead({ stream, schema }: AppendRequest): void {
    if (stream === undefined && schema === undefined) return;
    const head = {
      ...(stream === undefined ? {} : { writeStream: stream }),
      ...(schema === undefined ? {} : { protoRows: { writerSchema: ProtoSchema.decode(schema) } }),
    };
    this.head.push(Buffer.from(AppendRowsRequest.encode(head).finish()));
  }

  private rejections(request: AppendRequest, rejects: RowCheck): protos.google.cloud.bigquery.storage.v1.IRowError[] {
    const { decoder } = this;
    if (decoder === undefined) return [];
    return request.rows().flatMap((bytes, index) => {
      const message = rejects(decoder.decode(bytes));
      return message === undefined ? [] : [{ index, code: RowError.RowErrorCode.FIELDS_ERROR, message }];
    });
  }

  private end(error: WriteApiError): void {
    this.ended ??= error;
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}

const asWriteApiError = ({ code, details, message }: ServiceError): WriteApiError =>
  new WriteApiError(code, details || message);
