import { BigQueryCallError, SchemaBehindError } from '@orderstream/bigquery';
import { type BatchOutcome, retry, stop } from '@orderstream/kafka';

import { AppendFailedError, RecoveryAmbiguousError } from './streams/sink-errors';

const FIRST_BACKOFF_MS = 200;
const MAX_BACKOFF_MS = 30_000;
/** Quotas are counted by the minute or the hour: trying at once only uses them up. */
const THROTTLED_BACKOFF_MS = 5_000;

/** What becomes of one partition after a failure, given those before it. */
export class FailurePolicy {
  private failures = 0;
  private schemaBehindSinceMs: number | undefined;

  constructor(
    private readonly schemaPatienceMs: number,
    private readonly nowMs: () => number,
  ) {}

  /** Something was committed: what failed before is over. */
  succeeded(): void {
    this.failures = 0;
    this.schemaBehindSinceMs = undefined;
  }

  /** Ambiguity stops the partition, and so does a schema that stays behind; everything else is tried again, ever more rarely. */
  outcomeOf(cause: unknown): BatchOutcome {
    if (cause instanceof RecoveryAmbiguousError) return stop(cause);
    if (isSchemaBehind(cause)) {
      this.schemaBehindSinceMs ??= this.nowMs();
      if (this.nowMs() - this.schemaBehindSinceMs >= this.schemaPatienceMs) return stop(cause);
    }
    const firstMs = isForLater(cause) ? THROTTLED_BACKOFF_MS : FIRST_BACKOFF_MS;
    return retry(Math.min(firstMs * 2 ** Math.min(this.failures++, 16), MAX_BACKOFF_MS), cause);
  }
}

/** Over a quota, or refused for a reason that somebody has to mend. */
function isForLater(cause: unknown): boolean {
  if (cause instanceof AppendFailedError) return cause.reason === 'throttled';
  return cause instanceof BigQueryCallError && (cause.throttled || !cause.retriable);
}

function isSchemaBehind(cause: unknown): cause is Error {
  return cause instanceof SchemaBehindError || (cause instanceof AppendFailedError && cause.reason === 'schema-behind');
}
