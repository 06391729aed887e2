import { HttpStatus } from '@nestjs/common';
import { type NextFunction, type Request, type Response } from 'express';
import { sendProblem } from './problem';

/** Bounds of a JSON body. Validation visits a body recursively and reports each field, so that it needs both. */
const MAX_DEPTH = 16;
const MAX_VALUES = 2_000;

/**
 * Rejects a parsed body that is a list, nested too deep, or has too many values, before it is validated. No endpoint takes a
 * list, and validation would find no field in it that is wrong.
 */
export function boundBody(request: Request, response: Response, next: NextFunction): void {
  const isList = Array.isArray(request.body);
  const detail = violatedBound(request.body) ?? (isList ? 'The body must be a JSON object.' : undefined);
  if (detail === undefined) next();
  else sendProblem(response, { status: HttpStatus.BAD_REQUEST, detail });
}

/** Validation leaves fields of these names out, as if they were not there. */
const UNREAD_NAMES = ['__proto__', 'constructor', 'prototype'];

/** Which bound the value violates; undefined when none. Does not recurse. */
function violatedBound(body: unknown): string | undefined {
  let values = 0;
  let level: unknown[] = [body];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > MAX_DEPTH) return `The body is nested deeper than ${String(MAX_DEPTH)} levels.`;
    values += level.length;
    if (values > MAX_VALUES) return `The body has more than ${String(MAX_VALUES)} values.`;
    const objects = level.filter((value) => typeof value === 'object' && value !== null);
    for (const name of UNREAD_NAMES) {
      if (objects.some((object) => Object.hasOwn(object, name))) return `No field may be named ${name}.`;
    }
    level = objects.flatMap((object): unknown[] => Object.values(object));
  }
  return undefined;
}
