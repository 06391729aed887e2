import { protos } from '@google-cloud/bigquery-storage';
import { Metadata, status, type StatusObject } from '@grpc/grpc-js';

const { StorageError } = protos.google.cloud.bigquery.storage.v1;
const { AppendRowsResponse } = protos.google.cloud.bigquery.storage.v1;
export const { StorageErrorCode } = StorageError;

export type RowErrorMessage = protos.google.cloud.bigquery.storage.v1.IRowError;
type StatusMessage = protos.google.rpc.IStatus;

const STORAGE_ERROR_URL = 'type.googleapis.com/google.cloud.bigquery.storage.v1.StorageError';
/** The metadata key of a google.rpc.Status ("gRPC: Richer error model"). */
const DETAILS_KEY = 'grpc-status-details-bin';

export interface StorageErrorDetail {
  readonly code: protos.google.cloud.bigquery.storage.v1.StorageError.StorageErrorCode;
  readonly entity: string;
}

/** An error of the Write API: the status of a call that ends with it, or, by `inBand`, the response to an append. */
export class WriteApiError extends Error {
  constructor(
    readonly code: status,
    message: string,
    readonly storageError?: StorageErrorDetail,
  ) {
    super(message);
  }

  /** The status of the call. */
  toStatus(): StatusObject {
    const metadata = new Metadata();
    if (this.storageError !== undefined) {
      metadata.set(DETAILS_KEY, Buffer.from(protos.google.rpc.Status.encode(this.toMessage()).finish()));
    }
    return { code: this.code, details: this.message, metadata };
  }

  /** The serialized AppendRowsResponse with this error. The connection stays open. */
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
