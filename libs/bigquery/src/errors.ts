import { status } from '@grpc/grpc-js';
import { type ErrorCode, type ErrorOptions, OrderstreamError } from '@orderstream/errors';

/** The calls to BigQuery that fail with a `BigQueryCallError`. */
export type BigQueryCallCode = Extract<
  ErrorCode,
  'CREATE_STREAM_FAILED' | 'FINALIZE_FAILED' | 'QUERY_FAILED' | 'TABLE_CALL_FAILED'
>;

/** A call to BigQuery failed; `code` says which. `retriable` when the same call may succeed later. */
export class BigQueryCallError extends OrderstreamError {
  override readonly code: BigQueryCallCode;

  constructor(message: string, { code, ...options }: ErrorOptions & { readonly code: BigQueryCallCode }) {
    super(message, options);
    this.code = code;
  }

  /** A quota is exceeded: an immediate retry fails again and counts against the quota. */
  get throttled(): boolean {
    const { cause } = this;
    const throttled: number = status.RESOURCE_EXHAUSTED;
    return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === throttled;
  }
}

/** A table exists and differs from its contract in a type, a mode, its partitioning or its clustering. */
export class TableMismatchError extends OrderstreamError {
  override readonly code = 'TABLE_MISMATCH';

  constructor(table: string, problems: readonly string[]) {
    super(`table ${table} differs from its contract: ${problems.join('; ')}; migrate or drop it, then start again`);
  }
}

/** The table lacks columns of its contract: nobody has added them yet. */
export class SchemaBehindError extends OrderstreamError {
  override readonly code = 'SCHEMA_BEHIND';

  constructor(table: string, detail: string) {
    super(
      `table ${table} is behind its contract (${detail}). Add the column: the service logged the statement at its start ` +
        '(docs/sink-protocol.md#when-a-table-lacks-a-column)',
      { retriable: true },
    );
  }
}
