import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';
import type { DeadLetterReason } from '@orderstream/dead-letters';
import { OrderstreamError } from '@orderstream/errors';
import { type FailureOutcome, retry, stop, TransactionFailedError } from '@orderstream/kafka';

import { REJECTION_CODES } from './streams/row-mapper';
import {
  AppendFailedError,
  type FailedAppend,
  LetterRejectedError,
  RecoveryAmbiguousError,
  RowsRejectedError,
} from './streams/sink-errors';

/** First wait before a retry; the partition task doubles it from failure to failure. */
const RETRY_AFTER_MS = 200;
/** Quotas are counted per minute or per hour. An immediate retry only uses them up. */
const THROTTLED_RETRY_AFTER_MS = 5_000;
/**
 * A project may create 10,000 write streams an hour, which is 416 for each of 24 partitions. A token bucket keeps a
 * partition below that. The backoff of the task is not enough: it starts over whenever the partition makes progress.
 */
const STREAM_BURST = 16;
const MS_PER_STREAM = 9_000;
/** Twice the refill time of one stream, because up to half of a wait is jitter. */
const STREAMS_USED_UP_RETRY_AFTER_MS = 2 * MS_PER_STREAM;
/**
 * A table that still lacks a column fails again within the longest backoff (30 s). After a gap longer than this, a
 * failure belongs to another schema change, and the timeout starts over.
 */
const SCHEMA_FAILURE_GAP_MS = 300_000;
/** A dead letter whose row is rejected so often stops its partition. It has no dead letter to which it could make room. */
const LETTER_ATTEMPTS = 8;
/** After another instance fenced this one: time to receive the rebalance. An earlier retry would fence the new owner. */
const FENCED_RETRY_AFTER_MS = 3_000;

/** Decides whether one partition retries or stops after a failure. The partition task adds the exponential backoff. */
export class FailurePolicy {
  private schemaBehindSinceMs: number | undefined;
  private lastSchemaFailureMs = 0;
  private streamTokens = STREAM_BURST;
  private tokensUpdatedMs: number;
  private hasFailed = false;
  /** Largest number of rows in an append, after BigQuery has ended a call with INVALID_ARGUMENT. */
  private maxRows = Infinity;
  /** The record for which BigQuery has ended a call with INVALID_ARGUMENT. */
  private invalidOffset: number | undefined;
  /** The dead letter whose row was rejected last, and how often in a row. */
  private rejectedLetter = { offset: -1, times: 0 };

  constructor(
    private readonly schemaTimeoutMs: number,
    private readonly nowMs: () => number,
  ) {
    this.tokensUpdatedMs = nowMs();
  }

  /** BigQuery accepted rows, so it knows their columns. A commit does not prove that: assigning a stream commits too. */
  appended(): void {
    this.schemaBehindSinceMs = undefined;
    this.hasFailed = false;
    this.maxRows = Infinity;
    this.invalidOffset = undefined;
  }

  streamCreated(): void {
    this.streamTokens = this.availableStreams() - 1;
  }

  /**
   * Limits the appends in flight to one from a failure until an append is acknowledged. BigQuery may close the call after
   * an append that it rejects. Further appends in flight would be lost with the call, and the rejection with them, on
   * every attempt.
   */
  maxInFlight(configured: number): number {
    return this.hasFailed ? 1 : configured;
  }

  /**
   * When BigQuery ends a call with INVALID_ARGUMENT, nothing says which append or row is the cause. The limit is then halved
   * from failure to failure until the culprit is alone.
   */
  maxBatchRows(configured: number): number {
    return Math.min(configured, this.maxRows);
  }

  /** The reason to reject a record before it is sent. Recovery has found that its row is not durable. */
  rejectionOf({ offset }: { readonly offset: number }): DeadLetterReason | undefined {
    if (offset !== this.invalidOffset) return undefined;
    return { code: REJECTION_CODES.rejected, constraint: 'BigQuery rejects the request' };
  }

  /**
   * Stops the partition for an error that is not retriable, and for a schema that stays behind until the timeout. Every
   * other error is retried, including a call that BigQuery rejects: permissions and tables are fixed from outside.
   */
  outcomeOf(cause: unknown): FailureOutcome {
    this.hasFailed = true;
    if (cause instanceof AppendFailedError && cause.reason === 'invalid-request') this.narrow(cause.append);
    if (cause instanceof LetterRejectedError && this.mayBeAccepted(cause.offset)) return retry(RETRY_AFTER_MS, cause);
    if (cause instanceof OrderstreamError && !cause.retriable && !(cause instanceof BigQueryCallError))
      return stop(cause);
    if (isSchemaBehind(cause)) {
      const nowMs = this.nowMs();
      if (nowMs - this.lastSchemaFailureMs > SCHEMA_FAILURE_GAP_MS) this.schemaBehindSinceMs = undefined;
      this.lastSchemaFailureMs = nowMs;
      this.schemaBehindSinceMs ??= nowMs;
      if (nowMs - this.schemaBehindSinceMs >= this.schemaTimeoutMs) {
        // A resumed partition gets the whole timeout again.
        this.schemaBehindSinceMs = undefined;
        return stop(cause);
      }
    }
    if (this.availableStreams() < 1) return retry(STREAMS_USED_UP_RETRY_AFTER_MS, cause);
    if (cause instanceof TransactionFailedError && cause.fenced) return retry(FENCED_RETRY_AFTER_MS, cause);
    return retry(needsLongWait(cause) ? THROTTLED_RETRY_AFTER_MS : RETRY_AFTER_MS, cause);
  }

  /** Whether the row of a dead letter is sent again: BigQuery may have rejected it by mistake. */
  private mayBeAccepted(offset: number): boolean {
    const { rejectedLetter } = this;
    const times = rejectedLetter.offset === offset ? rejectedLetter.times + 1 : 1;
    const isLast = times >= LETTER_ATTEMPTS;
    this.rejectedLetter = { offset, times: isLast ? 0 : times };
    this.invalidOffset = undefined;
    return !isLast;
  }

  private narrow(append: FailedAppend | undefined): void {
    if (append === undefined) return;
    if (append.rows > 1) this.maxRows = append.rows >> 1;
    else if (append.isAlone) this.invalidOffset = append.offset;
  }

  private availableStreams(): number {
    const nowMs = this.nowMs();
    this.streamTokens = Math.min(STREAM_BURST, this.streamTokens + (nowMs - this.tokensUpdatedMs) / MS_PER_STREAM);
    this.tokensUpdatedMs = nowMs;
    return this.streamTokens;
  }
}

/** The reason of a failure, as the label of its metric. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof RecoveryAmbiguousError) return 'ambiguous';
  if (cause instanceof RowsRejectedError || cause instanceof LetterRejectedError) return 'rows-rejected';
  if (isSchemaBehind(cause)) return 'schema-behind';
  if (cause instanceof AppendFailedError) return cause.reason;
  if (!(cause instanceof BigQueryCallError)) return 'other';
  if (cause.throttled) return 'throttled';
  return cause.retriable ? 'unavailable' : 'rejected';
}

/** A used-up quota, or a rejection that an operator has to fix. */
const needsLongWait = (cause: unknown): boolean =>
  reasonOf(cause) === 'throttled' || (cause instanceof BigQueryCallError && !cause.retriable);

const isSchemaBehind = (cause: unknown): cause is Error =>
  cause instanceof SchemaBehindError || (cause instanceof AppendFailedError && cause.reason === 'schema-behind');
