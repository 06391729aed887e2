/**
 * What a batch handler says of a batch, as a value. `ack`: taken, hand over the next one (what it means to be
 * durable is the handler's own commit). `retry`: nothing of it counts; the partition is closed, waits and opens again.
 * `stop`: the partition stops until an operator acts; the others go on.
 */
export type BatchOutcome =
  | { readonly kind: 'ack' }
  | { readonly kind: 'retry'; readonly afterMs: number; readonly cause: unknown }
  | { readonly kind: 'stop'; readonly cause: Error };

const ACK: BatchOutcome = { kind: 'ack' };

export const ack = (): BatchOutcome => ACK;
export const retry = (afterMs: number, cause: unknown): BatchOutcome => ({ kind: 'retry', afterMs, cause });
export const stop = (cause: Error): BatchOutcome => ({ kind: 'stop', cause });
