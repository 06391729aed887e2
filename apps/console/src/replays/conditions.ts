import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Request } from 'express';
import { ConsoleProblem } from '../problems';

const MAX_KEY_LENGTH = 255;

/** The ETag of a plan with this revision. */
export const etagOf = (revision: number): string => `"${String(revision)}"`;

/** The revision in `If-Match`. @throws ConsoleProblem when it is missing, or not one ETag of a plan */
function requiredRevision(ifMatch: string | undefined): number {
  if (ifMatch === undefined) {
    throw new ConsoleProblem(
      'revision-required',
      'Send If-Match with the ETag of the plan whose preview you have seen: GET /admin/replays/{id} has it.',
    );
  }
  const revision = /^"(\d{1,15})"$/.exec(ifMatch.trim())?.[1];
  if (revision === undefined) {
    throw new ConsoleProblem('condition-invalid', 'If-Match must be one ETag of the plan, such as "3".');
  }
  return Number(revision);
}

/** The `Idempotency-Key`. @throws ConsoleProblem when it is missing or invalid */
function requiredKey(key: string | undefined): string {
  const isValid = key !== undefined && key.length <= MAX_KEY_LENGTH && /^[\x21-\x7e]+$/.test(key);
  if (isValid) return key;
  throw new ConsoleProblem(
    'idempotency-key-required',
    `Send an Idempotency-Key of 1 to ${String(MAX_KEY_LENGTH)} visible ASCII characters, such as a UUID: a repetition with the same key creates nothing twice.`,
  );
}

const headerOf = (context: ExecutionContext, name: string): string | undefined =>
  context.switchToHttp().getRequest<Request>().get(name);

export const IfMatch = createParamDecorator((_: unknown, context: ExecutionContext): number =>
  requiredRevision(headerOf(context, 'if-match')),
);

export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string =>
  requiredKey(headerOf(context, 'idempotency-key')),
);
