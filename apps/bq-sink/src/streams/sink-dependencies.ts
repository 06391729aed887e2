import type { FailureOutcome, PartitionTransactions, TopicPartition } from '@orderstream/kafka';

import type { FaultPoints } from './fault-points';
import type { BatchLimits, RowSource } from './micro-batch';
import type { LogBounds } from './recovery';
import type { SinkObserver } from './sink-observer';
import type { Warehouse } from './warehouse';

export interface SinkLimits extends BatchLimits {
  /** How long a row waits for more rows before its append is sent. */
  readonly lingerMs: number;
  /** Maximum number of appends in flight. */
  readonly maxInFlight: number;
  /** Maximum time from an acknowledged append to the commit of its position. */
  readonly commitIntervalMs: number;
  /** A stream is ended after this time without records. */
  readonly idleFinalizeMs: number;
  /**
   * How long BigQuery may wrongly not know a stream: an append to a deleted stream may still land, and a new stream may not
   * be known yet.
   */
  readonly fallbackWaitMs: number;
}

/** The partition's transactional producer. `committed` was read after the previous owner was fenced. */
export type Transactions = Pick<PartitionTransactions, 'committed' | 'commit' | 'assertCurrent' | 'close'>;

/** What a `PartitionSink` is constructed from. */
export interface PartitionSinkDependencies {
  readonly partition: TopicPartition;
  readonly limits: SinkLimits;
  readonly mapper: RowSource;
  readonly warehouse: Warehouse;
  /** Fences the partition's previous owner, then reads the committed position. */
  readonly openTransactions: () => Promise<Transactions>;
  readonly logBounds: () => Promise<LogBounds>;
  /** Resolves after `ms` milliseconds; rejects at once when the signal aborts. */
  readonly delay: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly now: () => Date;
  readonly faults: FaultPoints;
  readonly observer: SinkObserver;
  /** Rejected records become dead letters. Those of a dead-letter topic do not: their partition stops. */
  readonly deadLetters: boolean;
  /** Decides whether the partition retries or stops after an open sink has failed. Called once. */
  readonly outcomeOf: (cause: unknown) => FailureOutcome;
  /** Reports a failure that happens while no `take` is pending. */
  readonly interrupt: (outcome: FailureOutcome) => void;
}
