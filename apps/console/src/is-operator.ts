import { actorOf } from '@orderstream/service';
import { type Request } from 'express';

/** Whether the request has the token of an operator, who sees personal data. */
export const isOperator = (request: Request): boolean => actorOf(request)?.role === 'operator';
