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
 * `unavailable`: transient. `invalid-request`: BigQuery rejects the request and does not say which row is the cause.
 * `rejected`: anything else.
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
  | 'invalid-request'
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

const INVALID_ARGUMENT: number = status.INVALID_ARGUMENT;
const NOT_FOUND: number = status.NOT_FOUND;

type Details = readonly protos.google.protobuf.IAny[];

function reasonOf(code: number, details: Details): AppendErrorReason {
  const storageError = storageErrorIn(details);
  const isInvalid = code === INVALID_ARGUMENT && storageError === undefined;
  return BY_STORAGE_ERROR.get(storageError) ?? BY_STATUS.get(code) ?? (isInvalid ? 'invalid-request' : 'rejected');
}

function storageErrorIn(details: Details): unknown {
  const bytes = details.find(({ type_url }) => type_url?.endsWith(STORAGE_ERROR_TYPE))?.value;
  return bytes instanceof Uint8Array ? StorageError.decode(bytes).code : undefined;
}

type CallError = Error & { readonly code?: number; readonly metadata?: Metadata };

function detailsOf({ metadata }: CallError): Details {
  const [bytes] = metadata?.get(STATUS_DETAILS_KEY) ?? [];
  return bytes instanceof Uint8Array ? Status.decode(bytes).details : [];
}

/** The reason of a failed call: from the Write API's own error code if there is one, otherwise from the gRPC status. */
export const reasonOfCall = (error: CallError): AppendErrorReason =>
  reasonOf(error.code ?? status.UNKNOWN, detailsOf(error));

/**
 * What a failed FinalizeWriteStream proves about the stream: that BigQuery does not know it, or that it is finalized. Any
 * other error proves nothing. The status counts only without an error code of the Write API.
 */
export function proofOfFinalize(error: CallError): 'gone' | 'finalized' | undefined {
  switch (storageErrorIn(detailsOf(error))) {
    case StorageErrorCode.STREAM_NOT_FOUND:
      return 'gone';
    case StorageErrorCode.STREAM_FINALIZED:
      return 'finalized';
    case undefined:
      return error.code === NOT_FOUND ? 'gone' : undefined;
    default:
      return undefined;
  }
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
      reason: reasonOf(error.code ?? status.UNKNOWN, error.details ?? []),
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
