import { type protos, type v1 } from '@google-cloud/bigquery-storage';
import { Client, Metadata, status } from '@grpc/grpc-js';

import { AppendConnection, type AppendConnectionOptions } from './append-connection';
import { decodeAppendResponse } from './append-outcome';
import { BigQueryCallError, SchemaBehindError } from './errors';

const APPEND_ROWS = '/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows';
const CALL_TIMEOUT_MS = 30_000;
/** The callers have backoff of their own, with the partition closed meanwhile. */
const NO_RETRY = { timeout: CALL_TIMEOUT_MS, retry: null };

const RETRIABLE: ReadonlySet<number> = new Set([
  status.UNAVAILABLE,
  status.DEADLINE_EXCEEDED,
  status.RESOURCE_EXHAUSTED,
  status.ABORTED,
  status.INTERNAL,
  status.UNKNOWN,
  status.CANCELLED,
]);

/**
 * How a stream ended. `rows`: so many rows are durable in it, and none can be added any more. `gone`: BigQuery does not
 * know the stream. `no-count`: it is ended, and BigQuery does not say at how many rows.
 */
export type Finalized =
  { readonly kind: 'rows'; readonly rows: number } | { readonly kind: 'gone' } | { readonly kind: 'no-count' };

export interface TableRef {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
}

/** Write streams of the Storage Write API, COMMITTED type: rows can be queried as soon as they are acknowledged. */
export class WriteStreams {
  constructor(private readonly client: v1.BigQueryWriteClient) {}

  /**
   * Creates a stream and returns its full name.
   * @param columns names that its rows will use
   * @throws SchemaBehindError when the table lacks one of the columns
   * @throws BigQueryCallError
   */
  async create(ref: TableRef, columns: readonly string[]): Promise<string> {
    const parent = `projects/${ref.project}/datasets/${ref.dataset}/tables/${ref.table}`;
    const writeStream = { type: 'COMMITTED' } as const;
    const [stream] = await this.client
      .createWriteStream({ parent, writeStream }, NO_RETRY)
      .catch((error: unknown) => callFailed(`creating a write stream on ${ref.table}`, error));
    const known = new Set((stream.tableSchema?.fields ?? []).map((field) => field.name?.toLowerCase()));
    const missing = known.size === 0 ? [] : columns.filter((column) => !known.has(column.toLowerCase()));
    if (missing.length > 0) throw new SchemaBehindError(ref.table, `no column ${missing.join(', ')}`);
    if (!stream.name) return callFailed(`creating a write stream on ${ref.table}`, new Error('it has no name'));
    return stream.name;
  }

  /**
   * Ends a stream and tells how many rows it holds. May be repeated.
   * @throws BigQueryCallError when that is not known
   */
  async finalize(stream: string): Promise<Finalized> {
    let response: protos.google.cloud.bigquery.storage.v1.IFinalizeWriteStreamResponse;
    try {
      [response] = await this.client.finalizeWriteStream({ name: stream }, NO_RETRY);
    } catch (error) {
      const code = codeOf(error);
      // Google answers NOT_FOUND for a stream that it does not know, the local emulator INVALID_ARGUMENT.
      if (code === status.NOT_FOUND || code === status.INVALID_ARGUMENT) return { kind: 'gone' };
      if (code === status.FAILED_PRECONDITION) return { kind: 'no-count' };
      return callFailed(`finalizing ${stream}`, error);
    }
    // proto3 leaves a zero out, so a missing count is a count of none.
    return { kind: 'rows', rows: Number(response.rowCount ?? 0) };
  }

  /** Opens a connection to append to a stream. What is wrong with it shows in the outcome of the first append. */
  async connect(options: AppendConnectionOptions): Promise<AppendConnection> {
    const stub: unknown = await this.client.initialize();
    if (!(stub instanceof Client)) throw new TypeError('the Storage Write API client has no gRPC channel');
    const metadata = new Metadata();
    metadata.set('x-goog-request-params', `write_stream=${encodeURIComponent(options.stream)}`);
    // The channel and credentials of Google's client, without its serializer: requests are bytes already.
    const call = stub.makeBidiStreamRequest(APPEND_ROWS, (request: Buffer) => request, decodeAppendResponse, metadata);
    return new AppendConnection(call, options);
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

const codeOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;

function callFailed(doing: string, cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  const retriable = RETRIABLE.has(codeOf(cause) ?? status.UNKNOWN);
  throw new BigQueryCallError(`${doing} failed: ${message}`, { retriable, cause });
}
