/**
 * What a batch handler says of a batch, as a value. `ack`: taken, hand over the next one (what it means to be
 * durable is the handler's own commit). `retry`: nothing of it counts; the partition is closed, waits and opens again.
 * `afterMs` is the first wait; the task doubles it from failure to failure while nothing is settled, bounds it and adds
 * jitter, so a handler keeps no count of its own. `stop`: the partition stops until an operator acts; the others go on.
 */
export type BatchOutcome = { readonly kind: 'ack' } | FailureOutcome;

export type FailureOutcome =
  | { readonly kind: 'retry'; readonly afterMs: number; readonly cause: unknown }
  | { readonly kind: 'stop'; readonly cause: Error };

const ACK: BatchOutcome = { kind: 'ack' };

export const ack = (): BatchOutcome => ACK;
export const retry = (afterMs: number, cause: unknown): FailureOutcome => ({ kind: 'retry', afterMs, cause });
export const stop = (cause: Error): FailureOutcome => ({ kind: 'stop', cause });
