import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { type Request } from 'express';
import { actorOf } from './actor';
import { type ChangeRequest } from './settings/runtime-settings';
import { requestIdOf } from './request-id';

export type Caller = ChangeRequest['audit'];

/** Who sent a command, and which: for the audit of a change. */
export const CallerOf = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const request = context.switchToHttp().getRequest<Request>();
  const actor = actorOf(request);
  if (actor === undefined) throw new TypeError('the request is not authenticated');
  return {
    actor: actor.name,
    role: actor.role,
    action: `${request.method} ${request.path}`,
    requestId: requestIdOf(request),
  };
});
