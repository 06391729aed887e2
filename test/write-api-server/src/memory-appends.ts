import { protos } from '@google-cloud/bigquery-storage';
import { status } from '@grpc/grpc-js';

import type { AppendRequest } from './append-request';
import type { RowCheck } from './backend';
import { type Row, RowDecoder } from './row-decoder';
import { type RowErrorMessage, StorageErrorCode, WriteApiError } from './status';
import type { StreamSource, WriteStream } from './write-stream';

const { AppendRowsRequest, AppendRowsResponse, RowError } = protos.google.cloud.bigquery.storage.v1;
const DEFAULT_VALUE: number = AppendRowsRequest.MissingValueInterpretation.DEFAULT_VALUE;

/** "The size of a single AppendRowsRequest must be less than 10 MB" (AppendRowsRequest; Quotas and limits). */
const MAX_REQUEST_BYTES = 10_000_000;

/**
 * One AppendRows call, as the comments of AppendRows, AppendRowsRequest and AppendRowsResponse describe it. An error of
 * a request is its response, and the connection stays open. A connection without a stream or a schema ends.
 */
export class MemoryAppends {
  private name: string | undefined;
  private decoder: RowDecoder | undefined;
  private schema: Buffer | undefined;
  private fillsDefaults = false;
  /** Version of the columns that the writer knows. */
  private knownVersion: number | undefined;

  constructor(private readonly streams: StreamSource) {}

  /** @throws WriteApiError when the call ends with this error */
  append(request: AppendRequest, rejects?: RowCheck): Buffer {
    this.readHead(request);
    if (this.name === undefined) throw new WriteApiError(status.INVALID_ARGUMENT, 'write_stream is missing');
    const stream = this.streams.stream(this.name);
    this.readSchema();
    try {
      this.check(request, stream);
      const { rows, rejections } = this.decode(request, stream, rejects);
      if (rejections.length > 0) {
        const message = 'Errors found while processing rows. Please refer to the row_errors field for details.';
        return new WriteApiError(status.INVALID_ARGUMENT, message).inBand(stream.name, rejections);
      }
      const offset = stream.rowCount;
      stream.land(request.rowCount, rows);
      return this.success(stream, offset);
    } catch (error) {
      if (error instanceof WriteApiError) return error.inBand(stream.name);
      throw error;
    }
  }

  /** Stream, schema and the interpretation of missing values apply until a request has others (AppendRowsRequest: write_stream, writer_schema). */
  readHead({ stream, schema, missingValues }: AppendRequest): void {
    this.name = stream ?? this.name;
    if (missingValues !== undefined) this.fillsDefaults = missingValues === DEFAULT_VALUE;
    if (schema === undefined) return;
    this.schema = schema;
    this.decoder = undefined;
  }

  private readSchema(): void {
    if (this.schema === undefined) {
      throw new WriteApiError(status.INVALID_ARGUMENT, 'Rows must be sent with writer_schema in the first request');
    }
    if (!this.streams.storeRows || this.decoder !== undefined) return;
    try {
      this.decoder = new RowDecoder(this.schema);
    } catch (error) {
      throw new WriteApiError(status.INVALID_ARGUMENT, `Invalid proto schema: ${messageOf(error)}`);
    }
  }

  private check({ bytes, offset }: AppendRequest, { name, type, rowCount, finalized }: WriteStream): void {
    if (bytes.length >= MAX_REQUEST_BYTES) {
      throw new WriteApiError(status.INVALID_ARGUMENT, `The request of ${bytes.length} bytes is over 10 MB`);
    }
    if (finalized) throw storageError(status.FAILED_PRECONDITION, 'STREAM_FINALIZED', name, 'Stream is finalized');
    if (offset === undefined) return;
    if (type === 'DEFAULT') {
      throw new WriteApiError(status.INVALID_ARGUMENT, 'Offset is not allowed on the _default stream');
    }
    if (offset < rowCount) {
      const message = `The offset is within stream, expected offset ${rowCount}, received ${offset}`;
      throw storageError(status.ALREADY_EXISTS, 'OFFSET_ALREADY_EXISTS', name, message);
    }
    if (offset > rowCount) {
      const message = `The offset is beyond stream, expected offset ${rowCount}, received ${offset}`;
      throw storageError(status.OUT_OF_RANGE, 'OFFSET_OUT_OF_RANGE', name, message);
    }
  }

  private decode(
    request: AppendRequest,
    { name, table }: WriteStream,
    rejects: RowCheck | undefined,
  ): { rows: Row[]; rejections: RowErrorMessage[] } {
    const { decoder } = this;
    if (decoder === undefined) return { rows: [], rejections: [] };
    const extra = table.extraFields(decoder.writerFields);
    if (extra.length > 0) {
      const message = `Input schema has more fields than BigQuery schema, extra fields: '${extra.join(',')}'`;
      throw storageError(status.INVALID_ARGUMENT, 'SCHEMA_MISMATCH_EXTRA_FIELDS', name, message);
    }
    const mistyped = table.mistypedFields(decoder.writerFields);
    if (mistyped.length > 0) {
      throw new WriteApiError(status.INVALID_ARGUMENT, `Field types do not fit the table: ${mistyped.join(',')}`);
    }
    const rows: Row[] = [];
    const rejections: RowErrorMessage[] = [];
    request.rows().forEach((bytes, index) => {
      let message: string | undefined;
      try {
        const row = this.fillsDefaults ? table.withDefaults(decoder.decode(bytes)) : decoder.decode(bytes);
        rows.push(row);
        message = table.rejection(row) ?? rejects?.(row);
      } catch (error) {
        message = messageOf(error);
      }
      if (message !== undefined) rejections.push({ index, code: RowError.RowErrorCode.FIELDS_ERROR, message });
    });
    return { rows, rejections };
  }

  /** "No offset information will be returned for appends to a default stream" (AppendRows). */
  private success({ name, type, table }: WriteStream, offset: number): Buffer {
    const hasNewColumns = this.knownVersion !== undefined && this.knownVersion !== table.version;
    this.knownVersion = table.version;
    return Buffer.from(
      AppendRowsResponse.encode({
        appendResult: type === 'DEFAULT' ? {} : { offset: { value: offset } },
        writeStream: name,
        ...(hasNewColumns ? { updatedSchema: table.schema } : {}),
      }).finish(),
    );
  }
}

const storageError = (
  code: status,
  storageCode: keyof typeof StorageErrorCode,
  entity: string,
  message: string,
): WriteApiError =>
  new WriteApiError(code, `${message}. Entity: ${entity}`, { code: StorageErrorCode[storageCode], entity });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
