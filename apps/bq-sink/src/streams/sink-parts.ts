import type { FailureOutcome, PartitionRef, TransactionWrites } from '@orderstream/kafka';

import type { FaultPoints } from './fault-points';
import type { BatchLimits, RowSource } from './micro-batch';
import type { LogBounds } from './recovery';
import type { SinkObserver } from './sink-observer';
import type { Warehouse } from './warehouse';

export interface SinkLimits extends BatchLimits {
  /** How long a row may wait for others to share its append. */
  readonly lingerMs: number;
  /** Appends under way at once. */
  readonly maxInFlight: number;
  /** Longest time from an acknowledged append to the commit of its position. */
  readonly commitIntervalMs: number;
  /** A stream without records for this long is ended. */
  readonly idleFinalizeMs: number;
  /** How long an append to a stream that is gone may still land. */
  readonly fallbackWaitMs: number;
}

/** The partition's transactional producer; a `PartitionTransactions`. */
export interface Transactions {
  readonly committed: { readonly offset: number | undefined; readonly metadata: string | undefined };
  commit(writes: TransactionWrites): Promise<void>;
  /** Rejects when somebody else has committed since. */
  assertCurrent(): Promise<void>;
  close(): Promise<void>;
}

/** What a partition's sink is made of, and what it tells. */
export interface PartitionSinkParts {
  readonly partition: PartitionRef;
  readonly limits: SinkLimits;
  readonly mapper: RowSource;
  readonly warehouse: Warehouse;
  /** Fences the partition's previous owner, then reads what is committed. */
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
  /** Resolves after so many milliseconds; rejects at once when the signal aborts. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => Date;
  readonly faults: FaultPoints;
  readonly observer: SinkObserver;
  /** What the partition's task is to do about the failure of a sink that was open. Asked once. */
  readonly outcomeOf: (cause: unknown) => FailureOutcome;
  /** A failure that no call of `take` is there to tell. */
  readonly interrupt: (outcome: FailureOutcome) => void;
}
