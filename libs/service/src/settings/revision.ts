import { createParamDecorator, type ExecutionContext, HttpStatus } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { ProblemException } from '../problem';

/**
 * The revision that a change replaces: of `If-Match: "<revision>"`, or 0 with `If-None-Match: *`, which is that of a
 * resource that was never changed. Undefined without either.
 *
 * @throws ProblemException 412 for an entity tag that no resource has
 */
function expectedRevision(request: Request): number | undefined {
  if (request.get('If-None-Match')?.trim() === '*') return 0;
  const tag = request.get('If-Match')?.trim();
  if (tag === undefined || tag === '*') return undefined;
  const [, revision] = /^"?(\d{1,15})"?$/.exec(tag) ?? [];
  if (revision === undefined) {
    throw new ProblemException(
      HttpStatus.PRECONDITION_FAILED,
      'If-Match must be one entity tag, as ETag has it: "12".',
    );
  }
  return Number(revision);
}

/** The revision that a change replaces. @throws ProblemException 428 without one, so that nobody overwrites another's change */
export const RequiredRevision = createParamDecorator((_: unknown, context: ExecutionContext): number => {
  const revision = expectedRevision(context.switchToHttp().getRequest<Request>());
  if (revision !== undefined) return revision;
  throw new ProblemException(
    HttpStatus.PRECONDITION_REQUIRED,
    'Read the resource, and send its ETag as If-Match: the change is made only if nobody else has changed it since.',
  );
});

/** The revision that a command may name; undefined: whatever it is. */
export const OptionalRevision = createParamDecorator((_: unknown, context: ExecutionContext): number | undefined =>
  expectedRevision(context.switchToHttp().getRequest<Request>()),
);

export function setRevision(response: Response, revision: number): void {
  response.setHeader('ETag', `"${String(revision)}"`);
}
