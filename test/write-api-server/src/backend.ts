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

/** Name of the stream or table that a request is about. */
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

/** Why a row is to be rejected, or undefined for a row that is not. */
export type RowTest = (row: Row) => string | undefined;

/** One AppendRows call. Appends are handed over one after the other, in the order in which they came. */
export interface AppendSession {
  /**
   * Appends, and resolves with the AppendRowsResponse.
   * @param rejects rows to be rejected beside those that the table rejects
   * @throws WriteApiError when the call ends with it
   */
  append(request: AppendRequest, rejects?: RowTest): Promise<Buffer>;
  /** Does not append; what the request says of stream and schema holds for those behind it all the same. */
  skip(request: AppendRequest): void;
  close(): void;
}

/** What stands behind the gRPC server: requests and responses are serialized messages. */
export interface WriteBackend {
  /** @throws WriteApiError */
  call(method: UnaryMethod, request: Buffer): Promise<Buffer>;
  /** @throws WriteApiError when no more connections are taken */
  openAppends(): AppendSession;
  /** From now on no stream is known that exists now, and nothing more lands in one. */
  forgetStreams(): void;
  close(): void;
}
