import { randomUUID } from 'node:crypto';
import { protos } from '@google-cloud/bigquery-storage';
import { status } from '@grpc/grpc-js';

import type { AppendRequest } from './append-request';
import type { AppendSession, RowCheck, UnaryMethod, WriteBackend } from './backend';
import { MemoryAppends } from './memory-appends';
import { StorageErrorCode, WriteApiError } from './status';
import { Table, type TableColumn } from './table';
import { type StreamSource, type StreamType, WriteStream } from './write-stream';

const v1 = protos.google.cloud.bigquery.storage.v1;
const { WriteStream: StreamMessage } = v1;

const DEFAULT_STREAM = '/streams/_default';
const HOUR_MS = 3_600_000;

export interface MemoryBackendOptions {
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /**
   * Whether rows are decoded, checked and stored. If not, every table exists and rows are only counted, for benchmarks.
   */
  readonly storeRows?: boolean;
  /** Idle time after which a stream is deleted; about three days ("Storage Write API: Committed type"). */
  readonly streamTtlMs?: number;
  /** CreateWriteStream calls per hour; 10,000 ("Quotas and limits: Storage Write API"). */
  readonly maxStreamsPerHour?: number;
  /**
   * Concurrent AppendRows calls; 1,000 in a region ("Quotas and limits: Storage Write API: Concurrent connections").
   */
  readonly maxConnections?: number;
  /**
   * Time until appends may use new columns, also on new streams; the schema has them at once. Minutes ("Storage Write
   * API: Update a table schema").
   */
  readonly schemaDelayMs?: number;
}

/**
 * Tables and write streams in memory, as "google.cloud.bigquery.storage.v1: Service BigQueryWrite" describes them:
 * COMMITTED and PENDING streams and the default stream of each table. BUFFERED streams are not implemented.
 */
export class MemoryBackend implements WriteBackend, StreamSource {
  readonly storeRows: boolean;
  private readonly tables = new Map<string, Table>();
  private readonly streams = new Map<string, WriteStream>();
  private readonly created: number[] = [];
  private readonly options: Required<MemoryBackendOptions>;
  private connections = 0;

  constructor(options: MemoryBackendOptions = {}) {
    this.options = {
      now: Date.now,
      storeRows: true,
      streamTtlMs: 72 * HOUR_MS,
      maxStreamsPerHour: 10_000,
      maxConnections: 1_000,
      schemaDelayMs: 0,
      ...options,
    };
    this.storeRows = this.options.storeRows;
  }

  /** @param path `projects/…/datasets/…/tables/…` */
  createTable(path: string, columns: readonly TableColumn[]): Table {
    const table = new Table(path, columns);
    this.tables.set(path, table);
    return table;
  }

  /** Adds columns; appends may use them after `schemaDelayMs`. */
  addColumns(path: string, columns: readonly TableColumn[]): void {
    const table = this.table(path);
    table.addColumns(columns);
    if (this.options.schemaDelayMs === 0) table.propagate();
    else setTimeout(() => table.propagate(), this.options.schemaDelayMs).unref();
  }

  call(method: UnaryMethod, request: Buffer): Promise<Buffer> {
    switch (method) {
      case 'CreateWriteStream':
        return resolved(() => this.create(v1.CreateWriteStreamRequest.decode(request)));
      case 'GetWriteStream':
        return resolved(() => this.get(v1.GetWriteStreamRequest.decode(request)));
      case 'FinalizeWriteStream':
        return resolved(() => this.finalize(v1.FinalizeWriteStreamRequest.decode(request).name));
      case 'BatchCommitWriteStreams':
        return resolved(() => this.commit(v1.BatchCommitWriteStreamsRequest.decode(request)));
      case 'FlushRows':
        return Promise.reject(new WriteApiError(status.UNIMPLEMENTED, 'BUFFERED streams are not implemented'));
    }
  }

  /** Above the limit a connection ends with RESOURCE_EXHAUSTED ("Quotas and limits: Concurrent connections"). */
  openAppends(): AppendSession {
    if (this.connections >= this.options.maxConnections) {
      throw new WriteApiError(status.RESOURCE_EXHAUSTED, "Exceeds 'Concurrent connections' quota");
    }
    this.connections++;
    const appends = new MemoryAppends(this);
    return {
      append: (request: AppendRequest, rejects?: RowCheck) => resolved(() => appends.append(request, rejects)),
      skip: (request: AppendRequest) => appends.readHead(request),
      close: () => {
        this.connections--;
      },
    };
  }

  forgetStreams(): void {
    this.streams.clear();
  }

  close(): void {
    this.streams.clear();
  }

  /** @throws WriteApiError NOT_FOUND */
  table(path: string): Table {
    const table = this.tables.get(path);
    if (table !== undefined) return table;
    if (!this.storeRows) return this.createTable(path, []);
    const message = `Requested entity was not found. Entity: ${path}`;
    throw new WriteApiError(status.NOT_FOUND, message, { code: StorageErrorCode.TABLE_NOT_FOUND, entity: path });
  }

  /**
   * The stream, unless it has expired. The default stream always exists ("Storage Write API: Default stream").
   * @throws WriteApiError NOT_FOUND
   */
  stream(name: string): WriteStream {
    const now = this.options.now();
    const found = this.streams.get(name);
    if (found !== undefined && now - found.usedAtMs <= this.options.streamTtlMs) {
      found.usedAtMs = now;
      return found;
    }
    if (name.endsWith(DEFAULT_STREAM)) {
      const table = this.table(name.slice(0, -DEFAULT_STREAM.length));
      const stream = new WriteStream(name, table, 'DEFAULT', now);
      this.streams.set(name, stream);
      return stream;
    }
    this.streams.delete(name);
    const message = `Requested entity was not found. Entity: ${name}`;
    throw new WriteApiError(status.NOT_FOUND, message, { code: StorageErrorCode.STREAM_NOT_FOUND, entity: name });
  }

  private create({ parent, writeStream }: protos.google.cloud.bigquery.storage.v1.CreateWriteStreamRequest): Buffer {
    const table = this.table(parent);
    const now = this.options.now();
    while (this.created[0] !== undefined && this.created[0] <= now - HOUR_MS) this.created.shift();
    if (this.created.length >= this.options.maxStreamsPerHour) {
      throw new WriteApiError(status.RESOURCE_EXHAUSTED, "Exceeds 'CreateWriteStream requests' quota");
    }
    this.created.push(now);
    const stream = new WriteStream(`${parent}/streams/${randomUUID()}`, table, typeOf(writeStream?.type), now);
    this.streams.set(stream.name, stream);
    return encodeStream(stream, true);
  }

  private get({ name, view }: protos.google.cloud.bigquery.storage.v1.GetWriteStreamRequest): Buffer {
    return encodeStream(this.stream(name), view === v1.WriteStreamView.FULL || view === 'FULL');
  }

  /** Idempotent. */
  private finalize(name: string): Buffer {
    if (name.endsWith(DEFAULT_STREAM)) {
      throw new WriteApiError(status.NOT_FOUND, `Requested entity was not found. Entity: ${name}`);
    }
    const stream = this.stream(name);
    stream.finalized = true;
    return encoded(v1.FinalizeWriteStreamResponse.encode({ rowCount: stream.rowCount }));
  }

  /** Commits all streams or none. Each must be PENDING, finalized and not committed ("BatchCommitWriteStreams"). */
  private commit({ writeStreams }: protos.google.cloud.bigquery.storage.v1.BatchCommitWriteStreamsRequest): Buffer {
    const streams = writeStreams.map((name) => this.stream(name));
    const streamErrors = streams.flatMap((stream) => stream.commitError() ?? []);
    if (streamErrors.length > 0) return encoded(v1.BatchCommitWriteStreamsResponse.encode({ streamErrors }));
    const now = this.options.now();
    for (const stream of streams) stream.commit(now);
    return encoded(v1.BatchCommitWriteStreamsResponse.encode({ commitTime: timestamp(now) }));
  }
}

function typeOf(type: unknown): StreamType {
  if (type === StreamMessage.Type.COMMITTED || type === 'COMMITTED') return 'COMMITTED';
  if (type === StreamMessage.Type.PENDING || type === 'PENDING') return 'PENDING';
  throw new WriteApiError(status.UNIMPLEMENTED, `write streams of type ${String(type)} are not implemented`);
}

function encodeStream(stream: WriteStream, withSchema: boolean): Buffer {
  const { name, type, createdAtMs, committedAtMs, table } = stream;
  return encoded(
    StreamMessage.encode({
      name,
      type: StreamMessage.Type[type === 'DEFAULT' ? 'COMMITTED' : type],
      createTime: timestamp(createdAtMs),
      ...(committedAtMs === undefined ? {} : { commitTime: timestamp(committedAtMs) }),
      ...(withSchema ? { tableSchema: table.schema } : {}),
      location: 'us',
    }),
  );
}

const timestamp = (ms: number): { seconds: number; nanos: number } => ({
  seconds: Math.floor(ms / 1000),
  nanos: (ms % 1000) * 1e6,
});

const encoded = (writer: { finish(): Uint8Array }): Buffer => Buffer.from(writer.finish());

function resolved<T>(action: () => T): Promise<T> {
  return new Promise((resolve) => resolve(action()));
}
