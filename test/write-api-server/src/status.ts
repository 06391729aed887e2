import { protos } from '@google-cloud/bigquery-storage';
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';

const { StorageError } = protos.google.cloud.bigquery.storage.v1;
const { AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;
export const { StorageErrorCode } = StorageError;

export type RowErrorMessage = protos.google.cloud.bigquery.storage.v1.IRowError;
type StatusMessage = protos.google.rpc.IStatus;

const STORAGE_ERROR_URL = 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError';
/** Where gRPC carries a google.rpc.Status with its details ("gRPC: Richer error model"). */
const DETAILS_KEY = 'grpc-status-details-bin';

export interface StorageErrorDetail {
  readonly code: protos.google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode;
  readonly entity: string;
}

/**
 * An answer of the Write API that is no success. Thrown where the call ends with it; `inBand` where an append is answered
 * with it and the connection goes on.
 */
export class WriteApiError extends Error {
  constructor(
    readonly code: status,
    message: string,
    readonly storageError?: StorageErrorDetail,
  ) {
    super(message);
  }

  /** The status that the call ends with. */
  toStatus(): StatusObject {
    const metadata = new Metadata();
    if (this.storageError !== undefined) {
      metadata.set(DETAILS_KEY, Buffer.from(protos.google.rpc.Status.encode(this.toMessage()).finish()));
    }
    return { code: this.code, details: this.message, metadata };
  }

  /** The AppendRowsResponse that says so within the connection. */
  inBand(stream: string, rowErrors: readonly RowErrorMessage[] = []): Buffer {
    const response = { error: this.toMessage(), rowErrors: [...rowErrors], writeStream: stream };
    return Buffer.from(AppendRowsResponse.encode(response).finish());
  }

  private toMessage(): StatusMessage {
    const { code, message, storageError } = this;
    if (storageError === undefined) return { code, message };
    const value = StorageError.encode({ ...storageError, errorMessage: message }).finish();
    return { code, message, details: [{ type_url: STORAGE_ERROR_URL, value }] };
  }
}

export const unavailable = (message: string): WriteApiError => new WriteApiError(status.UNAVAILABLE, message);
