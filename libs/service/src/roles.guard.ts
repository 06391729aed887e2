import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Inject,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { type AdminRole } from '@orderstream/config';
import { type Logger, METRIC, type Metrics } from '@orderstream/observability';
import { type Request } from 'express';
import { actorOf } from './actor';
import { requestIdOf } from './request-id';
import { LOGGER, METRICS } from './tokens';

const ROLE = Symbol('role');
const OPEN = Symbol('open');

/** The role that a handler, or every handler of a controller, requires. An operator may do everything a viewer may. */
export const Roles = (role: AdminRole): ClassDecorator & MethodDecorator => SetMetadata(ROLE, role);

/** Marks a controller outside `/admin` that needs no token: health and metrics. */
export const Open = (): ClassDecorator => SetMetadata(OPEN, true);

/**
 * Guards every HTTP handler of a service. Without `@Roles`, GET and HEAD require a viewer and other methods an operator.
 * Outside `/admin`, requests are not authenticated, so that a handler is rejected unless its controller is `@Open`. A
 * forgotten decorator denies access; it never grants it.
 */
@Injectable()
export class RolesGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    @Inject(METRICS) private readonly metrics: Metrics,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    if (context.getType() !== 'http') return true;
    const targets = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean | undefined>(OPEN, targets)) return true;
    const request = context.switchToHttp().getRequest<Request>();
    const required =
      this.reflector.getAllAndOverride<AdminRole | undefined>(ROLE, targets) ??
      (request.method === 'GET' || request.method === 'HEAD' ? 'viewer' : 'operator');
    const actor = actorOf(request);
    if (actor !== undefined && (actor.role === 'operator' || required === 'viewer')) return true;
    this.metrics.counter(METRIC.adminRejected).inc({ reason: 'role' });
    this.logger.warn(
      { actor: actor?.name, method: request.method, path: request.path, required, requestId: requestIdOf(request) },
      'request rejected',
    );
    throw new ForbiddenException(`This requires the role ${required}.`);
  }
}
