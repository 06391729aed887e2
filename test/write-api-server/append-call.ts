import { protos, type v1 } from '@google-cloud/bigquery-storage';
import type { ServiceError, status } from '@grpc/grpc-js';

const { StorageError } = protos.google.cloud.bigquery.storage.v1;
export type ProtoSchema = protos.google.cloud.bigquery.storage.v1.IProtoSchema;
type Response = protos.google.cloud.bigquery.storage.v1.AppendRowsResponse;

/** The answer to an append, without empty fields. */
export interface Answer {
  /** Of a success; undefined if the response has no offset. */
  readonly offset?: number | undefined;
  readonly error?: { readonly code: number; readonly storageError?: number };
  /** Indexes of rejected rows. */
  readonly rejected?: readonly number[];
  readonly updatedColumns?: readonly string[];
  /** The call has ended, with this status. */
  readonly ended?: status;
}

/** One AppendRows call with Google's generated client. */
export class AppendCall {
  private readonly waiting: ((answer: Answer) => void)[] = [];
  private ended: Answer | undefined;
  private first = true;

  private constructor(
    private readonly call: ReturnType<v1.BigQueryWriteClient['appendRows']>,
    private readonly stream: string,
    private readonly schema: ProtoSchema | undefined,
  ) {
    call.on('data', (response: Response) => this.waiting.shift()?.(read(response)));
    call.on('error', (error: ServiceError) => {
      this.ended = { ended: error.code };
      for (const answer of this.waiting.splice(0)) answer(this.ended);
    });
  }

  static async open(
    client: v1.BigQueryWriteClient,
    stream: string,
    schema: ProtoSchema | undefined,
  ): Promise<AppendCall> {
    await client.initialize();
    return new AppendCall(client.appendRows(), stream, schema);
  }

  append(rows: readonly Buffer[], offset: number | undefined): Promise<Answer> {
    if (this.ended !== undefined) return Promise.resolve(this.ended);
    const isFirst = this.first;
    this.first = false;
    return new Promise((resolve) => {
      this.waiting.push(resolve);
      this.call.write({
        ...(isFirst ? { writeStream: this.stream } : {}),
        ...(offset === undefined ? {} : { offset: { value: offset } }),
        protoRows: {
          ...(isFirst && this.schema !== undefined ? { writerSchema: this.schema } : {}),
          rows: { serializedRows: [...rows] },
        },
      });
    });
  }

  cancel(): void {
    this.call.cancel();
  }
}

function read({ appendResult, error, rowErrors, updatedSchema }: Response): Answer {
  if (error) {
    const bytes = error.details?.[0]?.value;
    const storageError = bytes instanceof Uint8Array ? Number(StorageError.decode(bytes).code) : undefined;
    return {
      error: { code: error.code ?? 0, ...(storageError === undefined ? {} : { storageError }) },
      ...(rowErrors.length === 0 ? {} : { rejected: rowErrors.map(({ index }) => Number(index ?? 0)) }),
    };
  }
  const offset = appendResult?.offset?.value;
  const columns = updatedSchema?.fields?.map(({ name }) => name ?? '');
  return {
    offset: offset == null ? undefined : Number(offset),
    ...(columns === undefined ? {} : { updatedColumns: columns }),
  };
}
