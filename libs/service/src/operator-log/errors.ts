import { type ErrorCode, OrderstreamError } from '@orderstream/errors';

/** The topics of settings and audit cannot be written now. */
export class OperatorLogError extends OrderstreamError {
  readonly code = 'OPERATOR_LOG_UNAVAILABLE' satisfies ErrorCode;

  constructor(message: string, cause?: unknown) {
    super(message, { retriable: true, cause });
  }
}
