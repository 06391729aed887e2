import { protos } from '@google-cloud/bigquery-storage';
import { type Metadata, status } from '@grpc/grpc-js';

type AppendRowsResponse = protos.google.cloud.bigquery.storage.v1.AppendRowsResponse;

export interface RejectedRow {
  /** Index of the row in the request, from 0. */
  readonly index: number;
  readonly message: string;
}

/**
 * The outcome of one append. `appended`: the rows are durable at the offset that was sent. `rejected`: no row of the
 * request was appended because of these rows (BigQuery may list only some of them). `error`: no row of the request was
 * appended, for `reason`. `lost`: unknown outcome. There is no answer, so the rows may be appended now or later.
 */
export type AppendOutcome =
  | { readonly kind: 'appended' }
  | { readonly kind: 'rejected'; readonly rows: readonly RejectedRow[] }
  | { readonly kind: 'error'; readonly reason: AppendErrorReason; readonly message: string }
  | { readonly kind: 'lost'; readonly reason: AppendErrorReason; readonly message: string };

/**
 * Why an append failed. `already-exists`: the stream has a row at this offset. `out-of-range`: rows before this offset are
 * missing. `aborted`: an earlier append failed. `finalized`: another owner ended the stream. `stream-gone`: BigQuery does
 * not know the stream. `schema-behind`: the table or the stream lacks a column. `throttled`: a quota is exceeded.
 * `unavailable`: transient. `rejected`: anything else.
 */
export type AppendErrorReason =
  | 'already-exists'
  | 'out-of-range'
  | 'aborted'
  | 'finalized'
  | 'stream-gone'
  | 'schema-behind'
  | 'throttled'
  | 'unavailable'
  | 'rejected';

const { AppendRowsResponse: Response, StorageError } = protos.google.cloud.bigquery.storage.v1;
const { Status } = protos.google.rpc;
const { StorageErrorCode } = StorageError;

/** Type of the details of the google.rpc.Status in Write API errors. */
const STORAGE_ERROR_TYPE = 'google.cloud.bigquery.storage.v1.StorageError';
/** Metadata key of that status when the call itself fails ("gRPC: Richer error model"). */
const STATUS_DETAILS_KEY = 'grpc-status-details-bin';

const BY_STORAGE_ERROR = new Map<unknown, AppendErrorReason>([
  [StorageErrorCode.STREAM_NOT_FOUND, 'stream-gone'],
  [StorageErrorCode.STREAM_FINALIZED, 'finalized'],
  [StorageErrorCode.STREAM_ALREADY_COMMITTED, 'finalized'],
  [StorageErrorCode.SCHEMA_MISMATCH_EXTRA_FIELDS, 'schema-behind'],
  [StorageErrorCode.OFFSET_ALREADY_EXISTS, 'already-exists'],
  [StorageErrorCode.OFFSET_OUT_OF_RANGE, 'out-of-range'],
]);

const BY_STATUS = new Map<number, AppendErrorReason>([
  [status.ALREADY_EXISTS, 'already-exists'],
  [status.OUT_OF_RANGE, 'out-of-range'],
  [status.NOT_FOUND, 'stream-gone'],
  [status.FAILED_PRECONDITION, 'finalized'],
  [status.RESOURCE_EXHAUSTED, 'throttled'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.DEADLINE_EXCEEDED, 'unavailable'],
  [status.INTERNAL, 'unavailable'],
  [status.ABORTED, 'aborted'],
  [status.CANCELLED, 'unavailable'],
  [status.UNKNOWN, 'unavailable'],
]);

function reasonOfStatus(code: number, message: string): AppendErrorReason {
  const reason = BY_STATUS.get(code);
  if (reason !== undefined) return reason;
  // The local emulator answers INVALID_ARGUMENT in both cases.
  if (/finaliz/i.test(message)) return 'finalized';
  return /stream name/i.test(message) ? 'stream-gone' : 'rejected';
}

/** The reason of a failed call: from the Write API's own error code if there is one, otherwise from the gRPC status. */
export function reasonOfCall({
  code,
  message,
  metadata,
}: Error & { code?: number; metadata?: Metadata }): AppendErrorReason {
  const [bytes] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  const details = bytes instanceof Uint8Array ? Status.decode(bytes).details : [];
  return reasonOfDetails(details) ?? reasonOfStatus(code ?? status.UNKNOWN, message);
}

function reasonOfDetails(details: readonly protos.google.protobuf.IAny[]): AppendErrorReason | undefined {
  const bytes = details.find(({ type_url }) => type_url?.endsWith(STORAGE_ERROR_TYPE))?.value;
  return bytes instanceof Uint8Array ? BY_STORAGE_ERROR.get(StorageError.decode(bytes).code) : undefined;
}

/** The outcome of the append sent at `offset`, from BigQuery's answer. */
export function appendOutcome(response: AppendRowsResponse, offset: number): AppendOutcome {
  if (response.rowErrors.length > 0) {
    const rows = response.rowErrors.map(({ index, message }) => ({ index: Number(index), message: message ?? '' }));
    return { kind: 'rejected', rows };
  }
  const { error } = response;
  if (error) {
    const message = error.message ?? '';
    return {
      kind: 'error',
      reason: reasonOfDetails(error.details ?? []) ?? reasonOfStatus(error.code ?? status.UNKNOWN, message),
      message,
    };
  }
  const acknowledged = response.appendResult?.offset?.value;
  if (acknowledged === undefined || acknowledged === null || Number(acknowledged) !== offset) {
    const got = acknowledged === undefined || acknowledged === null ? 'no offset' : `offset ${String(acknowledged)}`;
    return { kind: 'lost', reason: 'rejected', message: `sent at offset ${String(offset)}, acknowledged with ${got}` };
  }
  return { kind: 'appended' };
}

export const decodeAppendResponse = (bytes: Buffer): AppendRowsResponse => Response.decode(bytes);
