import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import {
  CursorRejectedError,
  ReplayChangedError,
  ReplayInvalidError,
  ReplayKeyReusedError,
  ReplayStateError,
  ReplayTooLargeError,
  ReplayTopicMissingError,
  ReplayUnknownError,
} from '@orderstream/dead-letters';
import { catchError, type Observable, throwError } from 'rxjs';
import { ConsoleProblem, type ConsoleProblemType } from '../problems';

type ErrorClass = abstract new (...args: never[]) => Error;

/** The kind of problem of each error of the engine. Any other is answered as every service does. */
const KINDS: readonly (readonly [ErrorClass, ConsoleProblemType])[] = [
  [ReplayUnknownError, 'plan-unknown'],
  [ReplayInvalidError, 'plan-invalid'],
  [ReplayStateError, 'plan-state'],
  [ReplayChangedError, 'revision-stale'],
  [ReplayKeyReusedError, 'idempotency-key-reused'],
  [ReplayTooLargeError, 'plan-too-large'],
  [ReplayTopicMissingError, 'topic-missing'],
  [CursorRejectedError, 'cursor-rejected'],
];

/** Answers the errors of the engine with the problems that the API documents. */
@Injectable()
export class ReplayProblems implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    return next.handle().pipe(catchError((error: unknown) => throwError(() => problemOf(error))));
  }
}

/** The error as it is answered. */
export function problemOf(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const kind = KINDS.find(([type]) => error instanceof type)?.[1];
  if (kind === undefined) return error;
  const errors = error instanceof ReplayInvalidError ? error.problems.slice(0, 20) : undefined;
  return new ConsoleProblem(kind, error.message, errors === undefined ? {} : { errors });
}
