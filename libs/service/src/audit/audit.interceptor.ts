import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Request, type Response } from 'express';
import { from, type Observable, switchMap, tap } from 'rxjs';
import { actorOf } from '../actor';
import { statusOf } from '../error.filter';
import { requestIdOf } from '../request-id';
import { SERVICE_NAME } from '../tokens';
import { type AuditEntry } from './audit-entry';
import { AuditTrail } from './audit-trail';
import { type AuditRule, auditRuleOf, changeOf, declaredOf } from './audited';

const MAX_PATH = 200;

/** Audits the outcome of every authenticated command, carried out or rejected, with the status of its answer. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(
    private readonly trail: AuditTrail,
    @Inject(SERVICE_NAME) private readonly service: string,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rule = auditRuleOf(context.getHandler());
    const entry = entryOf(context, this.service, rule);
    if (entry === undefined) return next.handle();
    const request = context.switchToHttp().getRequest<Request>();
    const body = request.body as unknown;
    return next.handle().pipe(
      tap({
        complete: () => {
          const { statusCode: status } = context.switchToHttp().getResponse<Response>();
          const outcome = { ...entry, ...changeOf(request), status };
          if (rule.when(body) === 'with-change') this.trail.log(outcome);
          else this.trail.later(outcome);
        },
        error: (error: unknown) => {
          this.trail.later({ ...entry, ...changeOf(request), status: statusOf(error) });
        },
      }),
    );
  }
}

/**
 * Stores the audit entry of a command before it runs. A command whose entry cannot be stored is rejected with 503, unless
 * it declares another time (`Audited`): pausing must be possible while Kafka does not answer.
 */
@Injectable()
export class AuditBefore implements NestInterceptor {
  constructor(
    private readonly trail: AuditTrail,
    @Inject(SERVICE_NAME) private readonly service: string,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const rule = auditRuleOf(context.getHandler());
    const entry = entryOf(context, this.service, rule);
    if (entry === undefined) return next.handle();
    const body = context.switchToHttp().getRequest<Request>().body as unknown;
    if (rule.when(body) !== 'before') return next.handle();
    return from(this.trail.before(entry)).pipe(switchMap(() => next.handle()));
  }
}

/** Undefined for a request that is not audited: not a command, or not authenticated. */
function entryOf(
  context: ExecutionContext,
  service: string,
  { fields, subject = () => service }: AuditRule,
): Omit<AuditEntry, 'at' | 'status'> | undefined {
  if (context.getType() !== 'http') return undefined;
  const request = context.switchToHttp().getRequest<Request>();
  const actor = actorOf(request);
  if (actor === undefined || request.method === 'GET' || request.method === 'HEAD') return undefined;
  const after = declaredOf(request.body, fields);
  return {
    actor: actor.name,
    role: actor.role,
    action: `${request.method} ${request.path.slice(0, MAX_PATH)}`,
    subject: subject(request).slice(0, MAX_PATH),
    ...(after === undefined ? {} : { after }),
    requestId: requestIdOf(request),
    service,
  };
}
