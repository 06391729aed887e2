import { type status } from '@grpc/grpc-js';

/** A fault injected into the Storage Write API. What a fault does not mention works. */
export type AppendFault =
  | { readonly kind: 'none' }
  /** Every call fails with this status. Appends do not reach the table. */
  | { readonly kind: 'failing'; readonly code: status.UNAVAILABLE | status.RESOURCE_EXHAUSTED }
  /** Every call takes `ms` longer. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Rows are appended, and the connection fails in place of the response. */
  | { readonly kind: 'acks-lost' }
  /** Rows are appended, and no response is ever sent. */
  | { readonly kind: 'acks-never' }
  /** Rows are appended, and the response is ALREADY_EXISTS. */
  | { readonly kind: 'already-exists' }
  /** The next `appends` appends are rejected for these rows. Then the fault ends. */
  | { readonly kind: 'rejecting'; appends: number; readonly rows: (count: number) => readonly number[] }
  /** Appends are held for `ms` and then reach the table, even if their sender is gone. */
  | { readonly kind: 'late'; readonly ms: number }
  /**
   * One append to `table` is rejected whole, and those behind it on its connection are delayed: each reaches its stream
   * when its offset is the end of the stream, or after `delayMs`. Other appends to that stream go one at a time.
   */
  | { readonly kind: 'out-of-order'; readonly delayMs: number; readonly table: string };

export const NO_FAULT: AppendFault = { kind: 'none' };
