import { type AppendErrorReason } from '@orderstream/bigquery';
import { OrderstreamError } from '@orderstream/errors';

/** Recovery cannot determine which rows are durable. The partition stops instead of guessing. */
export class RecoveryAmbiguousError extends OrderstreamError {
  override readonly code = 'RECOVERY_AMBIGUOUS';
}

/** An append failed or its outcome is unknown. The partition opens again, and recovery counts the durable rows. */
export class AppendFailedError extends OrderstreamError {
  override readonly code = 'APPEND_FAILED';

  constructor(
    message: string,
    readonly reason: AppendErrorReason,
  ) {
    super(message, { retriable: true });
  }
}
