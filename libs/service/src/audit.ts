import { type CallHandler, type ExecutionContext, Inject, Injectable, type NestInterceptor } from '@nestjs/common';
import { type Logger } from '@orderstream/observability';
import { type Request, type Response } from 'express';
import { type Observable, tap } from 'rxjs';
import { actorOf } from './actor';
import { statusOf } from './error.filter';
import { AUDIT_LOG, LOGGER } from './tokens';

/** A change through `/admin`, successful or not. */
export interface AuditEntry {
  readonly actor: string;
  readonly role: string;
  /** `POST /admin/pause` */
  readonly action: string;
  /** The JSON body of the request. */
  readonly change: unknown;
  readonly status: number;
}

/** Records changes. Provided under `AUDIT_LOG`. */
export interface AuditLog {
  record(entry: AuditEntry): void;
}

/** Writes the audit to the service's log, as lines with `audit: true`. */
@Injectable()
export class LoggedAudit implements AuditLog {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  record(entry: AuditEntry): void {
    this.logger.info({ audit: true, ...entry }, `${entry.actor}: ${entry.action}`);
  }
}

/** Records every authenticated request except GET and HEAD, with the status of its response. */
@Injectable()
export class AuditInterceptor implements NestInterceptor {
  constructor(@Inject(AUDIT_LOG) private readonly log: AuditLog) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const request = context.switchToHttp().getRequest<Request>();
    const actor = actorOf(request);
    if (actor === undefined || request.method === 'GET' || request.method === 'HEAD') return next.handle();
    const record = (status: number): void => {
      this.log.record({
        actor: actor.name,
        role: actor.role,
        action: `${request.method} ${request.path}`,
        change: request.body as unknown,
        status,
      });
    };
    return next.handle().pipe(
      tap({
        complete: () => {
          record(context.switchToHttp().getResponse<Response>().statusCode);
        },
        error: (error: unknown) => {
          record(statusOf(error));
        },
      }),
    );
  }
}
