import { type protos, type v1 } from '@google-cloud/bigquery-storage';
import { Client, Metadata, status } from '@grpc/grpc-js';

import { AppendConnection, type AppendConnectionOptions } from './append-connection';
import { decodeAppendResponse, proofOfFinalize } from './append-outcome';
import { type BigQueryCallCode, BigQueryCallError, SchemaBehindError } from './errors';

const APPEND_ROWS = '/google.cloud.bigquery.storage.v1.BigQueryWrite/AppendRows';
const CALL_TIMEOUT_MS = 30_000;
/** The caller backs off and retries, with its partition closed. */
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
 * The result of finalizing a stream. `rows`: the stream takes no more rows and holds this many. `gone`: BigQuery does not
 * know the stream. `no-count`: the stream takes no more rows, and BigQuery does not report how many it holds.
 */
export type Finalized =
  { readonly kind: 'rows'; readonly rows: number } | { readonly kind: 'gone' } | { readonly kind: 'no-count' };

export interface TableRef {
  readonly project: string;
  readonly dataset: string;
  readonly table: string;
}

/** Write streams of the Storage Write API, of type COMMITTED: rows can be queried once they are acknowledged. */
export class WriteStreams {
  constructor(private readonly client: v1.BigQueryWriteClient) {}

  /**
   * Creates a stream and returns its full name.
   * @param columns names of the columns of its rows
   * @throws SchemaBehindError when the table lacks one of the columns
   * @throws BigQueryCallError
   */
  async create(ref: TableRef, columns: readonly string[]): Promise<string> {
    const parent = `projects/${ref.project}/datasets/${ref.dataset}/tables/${ref.table}`;
    const writeStream = { type: 'COMMITTED' } as const;
    const [stream] = await this.client
      .createWriteStream({ parent, writeStream }, NO_RETRY)
      .catch((error: unknown) => callFailed('CREATE_STREAM_FAILED', `creating a write stream on ${ref.table}`, error));
    const known = new Set((stream.tableSchema?.fields ?? []).map((field) => field.name?.toLowerCase()));
    const missing = known.size === 0 ? [] : columns.filter((column) => !known.has(column.toLowerCase()));
    if (missing.length > 0) throw new SchemaBehindError(ref.table, `no column ${missing.join(', ')}`);
    if (!stream.name) {
      const cause = new Error('BigQuery returned no stream name');
      return callFailed('CREATE_STREAM_FAILED', `creating a write stream on ${ref.table}`, cause);
    }
    return stream.name;
  }

  /**
   * Ends a stream and returns how many rows it holds. May be repeated.
   * @throws BigQueryCallError when the answer does not prove what the stream holds
   */
  async finalize(stream: string): Promise<Finalized> {
    let response: protos.google.cloud.bigquery.storage.v1.IFinalizeWriteStreamResponse;
    try {
      [response] = await this.client.finalizeWriteStream({ name: stream }, NO_RETRY);
    } catch (error) {
      const proof = error instanceof Error ? proofOfFinalize(error) : undefined;
      if (proof === 'gone') return { kind: 'gone' };
      if (proof === 'finalized') return { kind: 'no-count' };
      return callFailed('FINALIZE_FAILED', `finalizing ${stream}`, error);
    }
    // proto3 omits zeros: a missing count is 0.
    return { kind: 'rows', rows: Number(response.rowCount ?? 0) };
  }

  /** Opens a connection to append to a stream. A failed connection shows in the outcome of the first append. */
  async connect(options: AppendConnectionOptions): Promise<AppendConnection> {
    const stub: unknown = await this.client.initialize();
    if (!(stub instanceof Client)) throw new TypeError('the Storage Write API client has no gRPC channel');
    const metadata = new Metadata();
    metadata.set('x-goog-request-params', `write_stream=${encodeURIComponent(options.stream)}`);
    // Uses the channel and credentials of Google's client, not its serializer: requests are already encoded.
    const call = stub.makeBidiStreamRequest(APPEND_ROWS, (request: Buffer) => request, decodeAppendResponse, metadata);
    return new AppendConnection(call, options);
  }

  close(): Promise<void> {
    return this.client.close();
  }
}

const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : undefined;

function callFailed(code: BigQueryCallCode, what: string, cause: unknown): never {
  const message = cause instanceof Error ? cause.message : String(cause);
  const retriable = RETRIABLE.has(statusOf(cause) ?? status.UNKNOWN);
  throw new BigQueryCallError(`${what} failed: ${message}`, { code, retriable, cause });
}
