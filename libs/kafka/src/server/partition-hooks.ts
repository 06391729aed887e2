import { type FailureOutcome } from '../outcome';
import { type PartitionRef } from '../record';

/** What a service does when a partition comes and goes. All optional steps of one partition are called one after the other. */
export interface PartitionHooks {
  /** Assigned: fence, recover. The offset of the first record wanted; undefined: as committed, else the beginning. A throw is retried with backoff. The signal aborts when the partition is revoked meanwhile. */
  open(p: PartitionRef, signal: AbortSignal): Promise<number | undefined>;
  /** No batch follows: settle what was taken, until the signal aborts. */
  drain(p: PartitionRef, signal: AbortSignal): Promise<void>;
  /** Revoked, failed or stopped: let go at once. Called after every `open` that was begun. */
  close(p: PartitionRef): Promise<void>;
  /** What becomes of the partition after `open` threw this. Undefined, or without it: a programming error and one that is not retriable stop it, anything else is retried. */
  failed?(p: PartitionRef, cause: unknown): FailureOutcome | undefined;
  /** First offset that is not settled for good; what the lag is counted from. Without it: what the handler acknowledged. */
  durablePosition?(p: PartitionRef): number | undefined;
}
