import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { status } from '@grpc/grpc-js';

/** Pub/Sub rejects this request at every attempt: one of its messages is invalid. None of them was published. */
export class PublishRejectedError extends OrderstreamError {
  readonly code: ErrorCode = 'PUBLISH_REJECTED';

  constructor(topic: string, cause: unknown) {
    super(`${topic} rejected a publish request: ${textOf(cause)}`, { cause });
  }
}

/** A call to Pub/Sub other than a publish request failed. */
export class PubSubCallError extends OrderstreamError {
  readonly code: ErrorCode = 'PUBSUB_CALL_FAILED';
}

/** The publisher gave up. Messages that are not acknowledged may be published or not: publish them again. */
export class PublishFailedError extends OrderstreamError {
  readonly code: ErrorCode = 'PUBLISH_FAILED';

  constructor(message: string, cause?: unknown) {
    super(message, { retriable: true, cause });
  }
}

/** The subscription would not receive what is published, so that nothing is published. An operator corrects it. */
export class SubscriptionMismatchError extends OrderstreamError {
  readonly code: ErrorCode = 'SUBSCRIPTION_MISMATCH';

  constructor(reason: string) {
    super(`nothing is published, so that nothing is lost: ${reason}`, { retriable: true });
  }
}

const isStatus = (code: unknown): code is status => typeof code === 'number' && code in status;

/** Status of a gRPC error, undefined for any other. */
export function grpcStatus(error: unknown): status | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return isStatus(code) ? code : undefined;
}

/**
 * Whether the request itself is invalid, so that a retry cannot succeed. All other errors are transient, or an operator
 * can fix their cause (permissions, quota, a deleted topic): the request is retried.
 *
 * RESOURCE_EXHAUSTED is the status of an exceeded quota and of a message above the transport's limit. Only the text of
 * the error differs.
 */
export function isRejection(error: unknown): boolean {
  switch (grpcStatus(error)) {
    case status.INVALID_ARGUMENT:
    case status.OUT_OF_RANGE:
      return true;
    case status.RESOURCE_EXHAUSTED:
      return /larger than max|exceeds maximum size/i.test(textOf(error));
    default:
      return false;
  }
}

export const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
