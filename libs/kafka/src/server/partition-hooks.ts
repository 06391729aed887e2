import { type FailureOutcome } from '../outcome';
import { type TopicPartition } from '../topic-partition';

/** What a service does when it gets and loses a partition. The hooks of one partition never run at the same time. */
export interface PartitionHooks {
  /**
   * Called after assignment: fence the previous owner, recover. Returns the first offset to hand over; undefined for the
   * group's committed offset, or the beginning of the log. See `failed` for an error. The signal aborts when the
   * partition is revoked.
   */
  open(p: TopicPartition, signal: AbortSignal): Promise<number | undefined>;
  /** No batch follows: settle what was taken, until the signal aborts. */
  drain(p: TopicPartition, signal: AbortSignal): Promise<void>;
  /** The partition was revoked, failed or stopped: release it at once. Called once for each call of `open`. */
  close(p: TopicPartition): Promise<void>;
  /**
   * The outcome when `open` rejects with `cause`. Undefined, or without this hook: errors that are not retriable stop the
   * partition, all others are retried. A programming error (TypeError, RangeError and the like) always stops it.
   */
  failed?(p: TopicPartition, cause: unknown): FailureOutcome | undefined;
  /** The first offset that is not settled, from which the lag counts. Without this hook: what the handler acknowledged. */
  firstUnsettledOffset?(p: TopicPartition): number | undefined;
}
