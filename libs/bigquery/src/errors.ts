import { status } from '@grpc/grpc-js';
import { OrderstreamError } from '@orderstream/errors';

/** A call to BigQuery failed. `retriable` when the same call may succeed later. */
export class BigQueryCallError extends OrderstreamError {
  override readonly code = 'APPEND_FAILED';

  /** Over a quota: trying at once only uses it up. */
  get throttled(): boolean {
    const { cause } = this;
    const throttled: number = status.RESOURCE_EXHAUSTED;
    return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === throttled;
  }
}

/** A table exists and is not what the contracts say: another type, partitioning or clustering. */
export class TableMismatchError extends OrderstreamError {
  override readonly code = 'TABLE_MISMATCH';

  constructor(table: string, problems: readonly string[]) {
    super(`table ${table} is not what the contracts say: ${problems.join('; ')}; migrate or drop it, then start again`);
  }
}

/** The table lacks columns that the contract has: the schema sync has not run yet. */
export class SchemaBehindError extends OrderstreamError {
  override readonly code = 'SCHEMA_BEHIND';

  constructor(table: string, detail: string) {
    super(`table ${table} is behind its contract (${detail}); run the schema sync`, { retriable: true });
  }
}
