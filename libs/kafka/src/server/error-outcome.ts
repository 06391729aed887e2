import { AssertionError } from 'node:assert';
import { isRetriable, OrderstreamError } from '@orderstream/errors';
import { type FailureOutcome, retry, stop } from '../outcome';

/** First wait after an error. */
const RETRY_MS = 250;

/** The outcome when a partition failed to open: it is retried, unless a retry gives the same error. */
export const outcomeOfOpenError = (error: unknown): FailureOutcome =>
  isPermanent(error) ? stopOn(error) : retry(RETRY_MS, error);

/**
 * The outcome of an error that a handler throws. A handler returns what it foresees as an outcome, so an error that does
 * not say that it is retriable is a defect.
 */
export const outcomeOfHandlerError = (error: unknown): FailureOutcome =>
  isRetriable(error) && !isPermanent(error) ? retry(RETRY_MS, error) : stopOn(error);

/** A programming error, or an error that says that it is not retriable. */
function isPermanent(error: unknown): boolean {
  return error instanceof OrderstreamError ? !error.retriable : isProgrammingError(error);
}

/** What the JavaScript engine throws when code does what it must not. A retry gives the same error. */
export function isProgrammingError(error: unknown): boolean {
  // fetch() reports a failed connection as a TypeError with the failure as its cause.
  if (error instanceof TypeError) return error.cause === undefined;
  return (
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError ||
    error instanceof URIError ||
    error instanceof AssertionError
  );
}

const stopOn = (cause: unknown): FailureOutcome =>
  stop(cause instanceof Error ? cause : new Error(messageOf(cause), { cause }));

export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  if (typeof error === 'object' && error !== null && 'message' in error) return String(error.message);
  return String(error);
}
