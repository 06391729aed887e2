import { type ErrorCode, OrderstreamError } from '@orderstream/errors';
import { status } from '@grpc/grpc-js';

/** Pub/Sub will never take this request as it is: one of its messages breaks a rule. Nothing of it was published. */
export class PublishRejectedError extends OrderstreamError {
  readonly code: ErrorCode = 'PUBLISH_REJECTED';

  constructor(topic: string, cause: unknown) {
    super(`${topic} rejected a publish request: ${textOf(cause)}`, { cause });
  }
}

/** The publisher has given up for now. What is not acknowledged may or may not be published: publish it again. */
export class PublishFailedError extends OrderstreamError {
  readonly code: ErrorCode = 'PUBLISH_FAILED';

  constructor(message: string, cause?: unknown) {
    super(message, { retriable: true, cause });
  }
}

const isStatus = (code: unknown): code is status => typeof code === 'number' && code in status;

/** Status of a gRPC error, undefined for any other. */
export function grpcStatus(error: unknown): status | undefined {
  const code: unknown = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return isStatus(code) ? code : undefined;
}

/**
 * Whether the request itself is wrong, so that sending it again cannot help. Everything else passes or is for an
 * operator to mend (permissions, quota, a topic that is gone) and is no reason to give up on a message.
 *
 * A message beyond what the server's transport takes is answered RESOURCE_EXHAUSTED, as a used-up quota is; only the
 * text tells them apart.
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
