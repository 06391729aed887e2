import { type AppendErrorReason } from '@orderstream/bigquery';
import { OrderstreamError } from '@orderstream/errors';

/** What is durable cannot be told from what is known. The partition stops: whatever it did would be a guess. */
export class RecoveryAmbiguousError extends OrderstreamError {
  override readonly code = 'RECOVERY_AMBIGUOUS';
}

/** An append failed or has no answer. The partition opens again and finds out what is durable. */
export class AppendFailedError extends OrderstreamError {
  override readonly code = 'APPEND_FAILED';

  constructor(
    message: string,
    readonly reason: AppendErrorReason,
  ) {
    super(message, { retriable: true });
  }
}
