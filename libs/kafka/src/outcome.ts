/**
 * What a batch handler returns for a batch.
 *
 * - `ack`: the handler has taken the batch; the next one follows. Durability is the handler's own commit.
 * - `retry`: nothing of the batch counts. The partition closes, waits, and opens again. `afterMs` is the first wait; the
 *   partition task doubles it at each further failure without progress, bounds it and adds jitter.
 * - `stop`: the partition stops until an operator resumes it. Other partitions go on.
 */
export type BatchOutcome = { readonly kind: 'ack' } | FailureOutcome;

export type FailureOutcome =
  | { readonly kind: 'retry'; readonly afterMs: number; readonly cause: unknown }
  | { readonly kind: 'stop'; readonly cause: Error };

const ACK: BatchOutcome = { kind: 'ack' };

export const ack = (): BatchOutcome => ACK;
export const retry = (afterMs: number, cause: unknown): FailureOutcome => ({ kind: 'retry', afterMs, cause });
export const stop = (cause: Error): FailureOutcome => ({ kind: 'stop', cause });
