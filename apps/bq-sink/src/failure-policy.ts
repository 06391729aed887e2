import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';
import { OrderstreamError } from '@orderstream/errors';
import { type FailureOutcome, retry, stop, TransactionFailedError } from '@orderstream/kafka';

import { AppendFailedError, RecoveryAmbiguousError } from './streams/sink-errors';

/** First waits; the task doubles them from failure to failure. */
const RETRY_AFTER_MS = 200;
/** Quotas are counted by the minute or the hour: trying at once only uses them up. */
const THROTTLED_RETRY_AFTER_MS = 5_000;
/**
 * BigQuery lets a project create 10,000 write streams an hour: 416 for each of 24 partitions. Progress in between does not
 * make them cheaper, so that the task's waits alone would not keep within it.
 */
const STREAMS_AT_ONCE = 16;
const MS_PER_STREAM = 9_000;
/** Half of a wait is jitter. */
const STREAMS_USED_UP_RETRY_AFTER_MS = 2 * MS_PER_STREAM;
/** A schema that is still behind shows again within the longest wait: after so much longer it is another change. */
const SCHEMA_FORGOTTEN_AFTER_MS = 300_000;
/** After another instance took over: time for this one to hear of the rebalance, or the two would fence each other. */
const FENCED_RETRY_AFTER_MS = 3_000;

/** What becomes of one partition after a failure. How long it waits from failure to failure is its task's to decide. */
export class FailurePolicy {
  private schemaBehindSinceMs: number | undefined;
  private schemaBehindSeenMs = 0;
  private streams = STREAMS_AT_ONCE;
  private streamsCountedMs: number;
  private hasFailed = false;

  constructor(
    private readonly schemaTimeoutMs: number,
    private readonly nowMs: () => number,
  ) {
    this.streamsCountedMs = nowMs();
  }

  /** Rows landed: BigQuery knows the columns. A commit says nothing of that: naming a stream is one. */
  appended(): void {
    this.schemaBehindSinceMs = undefined;
    this.hasFailed = false;
  }

  streamCreated(): void {
    this.streams = this.streamsLeft() - 1;
  }

  /**
   * How many appends may be under way: one, until the first after a failure is acknowledged. Should BigQuery end the call
   * behind an append that it rejects, what else is under way is lost, and the rejection with it, however often it is tried.
   */
  maxInFlight(configured: number): number {
    return this.hasFailed ? 1 : configured;
  }

  /**
   * What says of itself that it will be the same the next time stops the partition, ambiguity above all, and so does a
   * schema that stays behind; everything else is tried again. A call that BigQuery rejects is, too: rights and tables are
   * patched elsewhere.
   */
  outcomeOf(cause: unknown): FailureOutcome {
    this.hasFailed = true;
    if (cause instanceof OrderstreamError && !cause.retriable && !(cause instanceof BigQueryCallError))
      return stop(cause);
    if (isSchemaBehind(cause)) {
      const nowMs = this.nowMs();
      if (nowMs - this.schemaBehindSeenMs > SCHEMA_FORGOTTEN_AFTER_MS) this.schemaBehindSinceMs = undefined;
      this.schemaBehindSeenMs = nowMs;
      this.schemaBehindSinceMs ??= nowMs;
      if (nowMs - this.schemaBehindSinceMs >= this.schemaTimeoutMs) {
        // Whoever resumes the partition gives it time again.
        this.schemaBehindSinceMs = undefined;
        return stop(cause);
      }
    }
    if (this.streamsLeft() < 1) return retry(STREAMS_USED_UP_RETRY_AFTER_MS, cause);
    if (cause instanceof TransactionFailedError && cause.fenced) return retry(FENCED_RETRY_AFTER_MS, cause);
    return retry(isForLater(cause) ? THROTTLED_RETRY_AFTER_MS : RETRY_AFTER_MS, cause);
  }

  private streamsLeft(): number {
    const nowMs = this.nowMs();
    this.streams = Math.min(STREAMS_AT_ONCE, this.streams + (nowMs - this.streamsCountedMs) / MS_PER_STREAM);
    this.streamsCountedMs = nowMs;
    return this.streams;
  }
}

/** Why a partition failed, in a word: what its metric is labelled with. */
export function reasonOf(cause: unknown): string {
  if (cause instanceof RecoveryAmbiguousError) return 'ambiguous';
  if (isSchemaBehind(cause)) return 'schema-behind';
  if (cause instanceof AppendFailedError) return cause.reason;
  if (!(cause instanceof BigQueryCallError)) return 'other';
  if (cause.throttled) return 'throttled';
  return cause.retriable ? 'unavailable' : 'rejected';
}

/** Over a quota, or rejected for a reason that somebody has to patch. */
const isForLater = (cause: unknown): boolean =>
  reasonOf(cause) === 'throttled' || (cause instanceof BigQueryCallError && !cause.retriable);

const isSchemaBehind = (cause: unknown): cause is Error =>
  cause instanceof SchemaBehindError || (cause instanceof AppendFailedError && cause.reason === 'schema-behind');
