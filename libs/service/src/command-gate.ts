import {
  type CallHandler,
  type ExecutionContext,
  HttpStatus,
  Inject,
  Injectable,
  type NestInterceptor,
} from '@nestjs/common';
import { type Health, type HealthReport } from '@orderstream/observability';
import { type Request } from 'express';
import { type Observable } from 'rxjs';
import { ProblemException } from './problem';
import { HEALTH, LIFECYCLE } from './tokens';

/** What the service is doing. Changed by `Service`, read by the gate. */
export interface Lifecycle {
  phase: 'starting' | 'running' | 'stopping';
}

/**
 * Answers commands (every request except GET and HEAD) that the service cannot carry out now, so that no command is
 * answered with 200 and does nothing: 503 while it starts or stops, 409 after a failure that only a restart ends, which is
 * what a failing `/health/live` says.
 */
@Injectable()
export class CommandGate implements NestInterceptor {
  constructor(
    @Inject(LIFECYCLE) private readonly lifecycle: Lifecycle,
    @Inject(HEALTH) private readonly health: Health,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (context.getType() === 'http') {
      const { method } = context.switchToHttp().getRequest<Request>();
      if (method !== 'GET' && method !== 'HEAD') this.assertAccepts();
    }
    return next.handle();
  }

  /** @throws ProblemException with the reason */
  private assertAccepts(): void {
    const { phase } = this.lifecycle;
    if (phase !== 'running') {
      const { named, checks } = failing(this.health.readiness());
      const detail = `The service is ${phase}: ${named}. The command changed nothing: send it again when /health/ready is green.`;
      throw new ProblemException(HttpStatus.SERVICE_UNAVAILABLE, detail, { type: 'not-running', checks });
    }
    const liveness = this.health.liveness();
    if (liveness.ok) return;
    const { named, checks } = failing(liveness);
    const detail = `The service has failed: ${named}. The command changed nothing: restart the service.`;
    throw new ProblemException(HttpStatus.CONFLICT, detail, { type: 'failed', checks });
  }
}

/** The failing checks, and their names with the details that are short texts. */
function failing({ checks }: HealthReport): { readonly named: string; readonly checks: Record<string, unknown> } {
  const failed = Object.entries(checks).filter(([, { ok }]) => !ok);
  const named = failed.map(([name, { detail }]) => (typeof detail === 'string' ? `${name} (${detail})` : name));
  return { named: named.join(', '), checks: Object.fromEntries(failed.map(([name, { detail }]) => [name, detail])) };
}
