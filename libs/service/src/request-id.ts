import { randomUUID } from 'node:crypto';
import { type NextFunction, type Request, type Response } from 'express';

const HEADER = 'X-Request-Id';
const REQUEST_ID = Symbol('request id');
type WithId = Request & { [REQUEST_ID]?: string };

/**
 * Gives every request an id: the caller's, if it has one of up to 64 letters, digits, `.`, `_` and `-`; otherwise a new
 * one. The answer has it as `X-Request-Id`; log and audit have it as `requestId`.
 */
export function identifyRequest(request: Request, response: Response, next: NextFunction): void {
  const given = request.get(HEADER);
  const id = given !== undefined && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
  (request as WithId)[REQUEST_ID] = id;
  response.setHeader(HEADER, id);
  next();
}

export function requestIdOf(request: Request): string {
  return (request as WithId)[REQUEST_ID] ?? 'unknown';
}
