import { type status } from '@grpc/grpc-js';

/** How BigQuery behaves. What is not said is as it should be. */
export type Weather =
  | { readonly kind: 'fair' }
  /** Every call fails with this status; appends do not reach the table. */
  | { readonly kind: 'failing'; readonly code: status.UNAVAILABLE | status.RESOURCE_EXHAUSTED | status.INTERNAL }
  /** Everything takes so much longer. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Rows land; then the connection breaks instead of an answer. */
  | { readonly kind: 'acks-lost' }
  /** Rows land, and nothing is ever answered. */
  | { readonly kind: 'acks-never' }
  /** Rows land, and the answer says that something was there already. */
  | { readonly kind: 'already-exists' }
  /** The next appends are rejected for these rows; then the weather is fair. */
  | { readonly kind: 'rejecting'; appends: number; readonly rows: (count: number) => readonly number[] }
  /** Appends are held for so long and then land, also when nobody waits for them any more. */
  | { readonly kind: 'late'; readonly ms: number }
  /**
   * One append is rejected whole, and those behind it on its connection get lost on their way: each turns up when it fits
   * the end of its stream, or after `strayMs`. What is sent to that stream meanwhile goes one at a time.
   */
  | { readonly kind: 'straying'; readonly strayMs: number; readonly table: string };

export const FAIR: Weather = { kind: 'fair' };
