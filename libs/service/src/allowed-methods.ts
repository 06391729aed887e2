import { HttpStatus } from '@nestjs/common';
import { type NextFunction, type Request, type Response } from 'express';
import { sendProblem } from './problem';

/** What express knows of a path: a part of its router that it does not declare. */
interface Layer {
  readonly route?: { readonly methods: Readonly<Record<string, boolean>> };
  match(path: string): boolean;
}

/** Answers a method that the path does not have with those that it has, in place of 404. Call it before the handlers. */
export function answerOtherMethods(request: Request, response: Response, next: NextFunction): void {
  const allowed = methodsOf(request);
  if (allowed.length === 0 || allowed.includes(request.method)) {
    next();
    return;
  }
  response.setHeader('Allow', allowed.join(', '));
  if (request.method === 'OPTIONS') response.status(HttpStatus.NO_CONTENT).end();
  else {
    const detail = `${request.path} has ${allowed.join(', ')}, and not ${request.method}.`;
    sendProblem(response, { status: HttpStatus.METHOD_NOT_ALLOWED, detail });
  }
}

/** Empty for an unknown path, for one with a broken encoding, and for one that has every method: the handlers answer. */
function methodsOf({ app, path }: Request): readonly string[] {
  const { stack } = app.router as unknown as { readonly stack: readonly Layer[] };
  try {
    const found = stack.flatMap((layer) =>
      layer.route !== undefined && layer.match(path) ? Object.keys(layer.route.methods) : [],
    );
    const methods = new Set(found.map((method) => method.toUpperCase()));
    if (methods.has('_ALL')) return [];
    if (methods.has('GET')) methods.add('HEAD');
    return [...methods].sort();
  } catch {
    return [];
  }
}
