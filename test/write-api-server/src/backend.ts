import { protos } from '@google-cloud/bigquery-storage';

import type { AppendRequest } from './append-request';
import type { Row } from './row-decoder';

const v1 = protos.google.cloud.bigquery.storage.v1;

const SERVICE = '/google.cloud.bigquery.storage.v1.BigQueryWrite';
export const APPEND_ROWS_PATH = `${SERVICE}/AppendRows`;

export const UNARY_METHODS = [
  'CreateWriteStream',
  'GetWriteStream',
  'FinalizeWriteStream',
  'BatchCommitWriteStreams',
  'FlushRows',
] as const;
export type UnaryMethod = (typeof UNARY_METHODS)[number];

export const pathOf = (method: UnaryMethod): string => `${SERVICE}/${method}`;

/** Name of the stream or table of a request. */
export function targetOf(method: UnaryMethod, request: Buffer): string {
  switch (method) {
    case 'CreateWriteStream':
      return v1.CreateWriteStreamRequest.decode(request).parent;
    case 'GetWriteStream':
      return v1.GetWriteStreamRequest.decode(request).name;
    case 'FinalizeWriteStream':
      return v1.FinalizeWriteStreamRequest.decode(request).name;
    case 'BatchCommitWriteStreams':
      return v1.BatchCommitWriteStreamsRequest.decode(request).parent;
    case 'FlushRows':
      return v1.FlushRowsRequest.decode(request).writeStream;
  }
}

/** Returns why a row is rejected, or undefined. */
export type RowCheck = (row: Row) => string | undefined;

/** One AppendRows call. `append` and `skip` are called in the order of the requests, one at a time. */
export interface AppendSession {
  /**
   * Appends, and resolves to the serialized AppendRowsResponse.
   * @param rejects rejects rows in addition to the table
   * @throws WriteApiError when the call ends with this error
   */
  append(request: AppendRequest, rejects?: RowCheck): Promise<Buffer>;
  /** Does not append, but applies the stream and schema of the request to later ones. */
  skip(request: AppendRequest): void;
  close(): void;
}

/** The backend of the gRPC server. Requests and responses are serialized messages. */
export interface WriteBackend {
  /** @throws WriteApiError */
  call(method: UnaryMethod, request: Buffer): Promise<Buffer>;
  /** @throws WriteApiError above the limit of connections */
  openAppends(): AppendSession;
  /** Deletes all streams; appends in flight to them fail. */
  forgetStreams(): void;
  close(): void;
}
