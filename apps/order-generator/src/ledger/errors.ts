import { type ErrorOptions, OrderstreamError } from '@orderstream/errors';

/** The ledger directory is in use, or what is in it is no ledger. Nothing was changed. */
export class LedgerUnreadableError extends OrderstreamError {
  readonly code = 'LEDGER_UNREADABLE';

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
  }
}
